"""What the facts of a modem mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airpost.at.messages import Fill
from airpost.at.network import Registration, RegistrationState
from airpost.at.replies import SimStatus
from airpost.daemon.doctor.finding import Finding, Severity
from airpost.daemon.doctor.modem import ModemFacts
from airpost.daemon.doctor.signs import CHECKS
from airpost.modem.profiles import load_profiles


def registration(which: str, state: RegistrationState) -> Registration:
    return Registration(which=which, state=state, n=0)


HOME = registration("+CREG", RegistrationState.HOME)
GOOD = ModemFacts(
    name="gate-1",
    port="/dev/serial/by-path/x",
    state="ready",
    detail="ready",
    imei="490154203237518",
    manufacturer="Quectel",
    model="EC25",
    functionality=1,
    sim=SimStatus.READY,
    pin_tries=3,
    smsc_known=True,
    smsc="+8613800100500",
    fills=(Fill(name="SM", used=1, total=25),),
    offered=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    indications=(2, 1, 0, 1, 0),
    circuit=HOME,
    signal_dbm=-71,
    operator="Net",
    profile=load_profiles().generic,
)


def found(**changes: Any) -> list[Finding]:
    """What the facts lead to besides notes."""
    facts = replace(GOOD, **changes)
    every = [finding for check in CHECKS for finding in check(facts)]
    return [each for each in every if each.severity is not Severity.NOTE]


def test_a_modem_that_is_well_has_notes_alone() -> None:
    assert found() == []
    notes = [finding.what for check in CHECKS for finding in check(GOOD)]
    assert "AT+CNMI=2,1,0,1,0 works" in notes
    assert "SM: 1 of 25 places are used" in notes
    assert "the SIM is open; 3 tries are left" in notes
    assert "registered in the home network by Net, signal -71 dBm" in notes
    assert not any("490154203237518" in each or "8613800100500" in each for each in notes)


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"sim": SimStatus.NOT_INSERTED}, "sim", "there is no SIM"),
        ({"sim": SimStatus.SIM_PIN, "pin_tries": 2}, "sim", "wants its PIN; 2 tries are left"),
        ({"sim": SimStatus.SIM_PIN, "pin_tries": 1}, "sim", "the last one"),
        ({"sim": SimStatus.SIM_PUK}, "sim", "PUK"),
        ({"sim": SimStatus.PH_NET_PIN}, "sim", "one operator only"),
        ({"smsc_known": False}, "smsc", "CMS 330"),
        ({"fills": (Fill(name="SM", used=25, total=25),)}, "store", "25 of 25"),
        ({"circuit": registration("+CREG", RegistrationState.DENIED)}, "network", "denied"),
        ({"circuit": registration("+CREG", RegistrationState.SEARCHING)}, "network", "searching"),
        ({"parrot": True, "imei": None}, "parrot", "OK to everything"),
        ({"imei": None}, "modem", "tells no IMEI"),
        ({"functionality": 4}, "modem", "radio is off"),
        ({"state": "cooldown", "detail": "held by another program"}, "modem", "held by another"),
        ({"state": "quarantined", "detail": "x", "last_error": "mute"}, "modem", "(mute)"),
        ({"unasked": "x is not answered within 3 s"}, "modem", "cannot be asked"),
        ({"fell_silent": "AT+CSQ was not answered"}, "modem", "stopped answering"),
        ({"state": "probing", "since_s": 90.0, "unasked": "x"}, "modem", "probing"),
    ],
)  # fmt: skip
def test_what_stops_messages_is_an_error(changes: dict[str, Any], check: str, words: str) -> None:
    grave = [each for each in found(**changes) if each.severity is Severity.ERROR]
    assert [(each.check, words in each.what) for each in grave] == [(check, True)]


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"state": "degraded", "detail": "no delivery reports"}, "modem"),
        ({"state": "registering", "since_s": 5.0}, "modem"),
        ({"state": "registering", "since_s": 90.0}, "modem"),
        ({"stalled": True}, "modem"),
        ({"sim": SimStatus.NOT_READY}, "sim"),
        ({"signal_dbm": -109}, "network"),
        ({"indications": (2, 0, 0, 0, 0)}, "indications"),
        ({"indications": (), "offered": ()}, "indications"),
    ],
)
def test_what_may_stop_them_is_a_warning(changes: dict[str, Any], check: str) -> None:
    assert [(each.check, each.severity) for each in found(**changes)] == [(check, Severity.WARNING)]


def test_messages_on_lte_alone_are_doubted() -> None:
    lte = registration("+CEREG", RegistrationState.HOME)
    none = registration("+CREG", RegistrationState.IDLE)
    (doubt,) = found(circuit=none, packet=lte)
    assert (doubt.check, doubt.severity) == ("lte", Severity.WARNING)
    assert found(circuit=HOME, packet=lte) == []
    assert found(circuit=None, packet=lte) == []


def test_without_the_service_it_is_said_what_would_be_tried() -> None:
    facts = replace(GOOD, state=None, indications=(0, 0, 0, 0, 0))
    notes = [f.what for check in CHECKS for f in check(facts) if f.check == "indications"]
    tried = "2,1,0,1,0, then 1,1,0,1,0, then 2,1,0,2,0"
    assert notes == [f"AT+CNMI=0,0,0,0,0 now; the service would try {tried}"]


def test_one_memory_under_three_names_is_told_once() -> None:
    fill = Fill(name="ME", used=50, total=50)
    assert len([each for each in found(fills=(fill, fill, fill)) if each.check == "store"]) == 1

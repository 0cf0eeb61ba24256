"""One segment on the air: every way the dialogue can end, and what it is called then."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airpost.at import command as at
from airpost.at.events import Final, FinalKind, Late
from airpost.codec.tpdu import Direction, Submit, parse_tpdu
from airpost.errors import StoreUnavailable
from airpost.model import MessageClass, UnitState
from airpost.modem.api import SendResult
from airpost.modem.onair import LISTEN_S
from airpost.modem.owed import COUNTED
from airpost.modem.profile import Profile, load_profile
from airpost.modem.sender import late_result
from airpost.modem.session import NOT_ALONE
from airpost.outcome import WHOSE, OutcomeClass, Scope
from airpost.store.api import AirResult
from airpost.tasks import spawn
from tests.modem.rig import GO, STAY, Rig, rigged, virtually
from tests.virtual import VirtualLoop

OK, TRANSIENT, PERMANENT, UNKNOWN = OutcomeClass


@pytest.fixture(params=["committed", "prepared"], autouse=True)
def _intent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every dialogue in both ways an intent may go: as a commit, or as what was prepared."""
    monkeypatch.setattr(Rig, "prepared", request.param == "prepared")


def submit_of(tpdu: bytes) -> Submit:
    submit = parse_tpdu(tpdu, Direction.MO)
    assert isinstance(submit, Submit)
    return submit


def ends(result: SendResult) -> tuple[bool, OutcomeClass, str]:
    return result.begun, result.outcome.cls, result.outcome.code


async def usable(rig: Rig) -> None:
    """What follows a failure goes out as if nothing had been."""
    after = await rig.send("what follows")
    assert after.outcome.ok
    assert after.mr is not None
    await rig.until(lambda: "what follows" in rig.texts())


# -- it goes out -------------------------------------------------------------------------------


@virtually
async def test_the_intent_holds_what_goes_on_the_air(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        result = await rig.send("hello")
        assert ends(result) == (True, OK, "OK")
        assert result.air_s == pytest.approx(0.2, abs=0.01)
        assert result.prompt_s is not None
        assert 0 <= result.prompt_s < 0.1
        (tpdu,) = rig.committed
        assert f"AT+CMGS={len(tpdu)}" in rig.heard()
        await rig.until(rig.texts)
        assert rig.texts() == ["hello"]
        assert [(await rig.send()).mr for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("urc_before_echo", {}),
        ("urc_before_prompt", {}),
        ("urc_inside", {}),
        ("glued", {"line": '+CMTI: "SM",1'}),
        ("bare_prompt", {}),
        ("slow_prompt", {"delay_s": 8.0}),
        ("echo_on", {}),
        ("bytewise", {"gap_s": 0.001}),
        ("slow_output", {}),
        ("garbage", {}),
        ("flood", {"every_s": 0.01}),
        ("late_final", {"verb": "+CMGS", "delay_s": 14.4}),
        ("late_final", {"verb": "+CMGS", "delay_s": 55.0}),
        ("report_early", {}),
    ],
)
@virtually
async def test_oddities_of_the_wire_change_nothing(
    loop: VirtualLoop, tmp_path: Path, fault: str, how: dict[str, Any]
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set(fault, **how)
        result = await rig.send("hello")
        rig.sim.faults.clear()
        assert ends(result) == (True, OK, "OK")
        assert result.mr == 0
        await rig.until(lambda: rig.behind.reports)
        assert rig.behind.reports[0].mr == 0
        await usable(rig)
        assert rig.texts() == ["hello", "what follows"]


@virtually
async def test_a_call_and_network_lines_while_sending(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, air_s=5.0) as rig:
        sending = spawn(rig.send(), name="the caller")
        for line in ("RING", '+CLIP: "+4917012345678",145', "+CREG: 2", "^MODE:5,4", "+CREG: 1"):
            await asyncio.sleep(0.5)
            rig.sim.urc(line)
        assert ends(await sending) == (True, OK, "OK")


@virtually
async def test_ok_without_a_reference_is_taken(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("ok_without_mr", count=1)
        result = await rig.send()
        assert ends(result) == (True, OK, "OK")
        assert result.mr is None
        await usable(rig)


# -- it is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "cls", "scope"),
    [
        (38, TRANSIENT, Scope.SIM), (42, TRANSIENT, Scope.SIM), (27, TRANSIENT, Scope.DESTINATION),
        (331, TRANSIENT, Scope.SIM), (512, TRANSIENT, Scope.MODEM), (302, TRANSIENT, Scope.MODEM),
        (21, PERMANENT, Scope.MESSAGE), (28, PERMANENT, Scope.DESTINATION),
        (95, PERMANENT, Scope.MESSAGE), (310, PERMANENT, Scope.SIM),
        (500, UNKNOWN, Scope.MODEM), (332, UNKNOWN, Scope.SIM), (255, UNKNOWN, Scope.MESSAGE),
        (9999, UNKNOWN, Scope.MODEM),
    ],
)  # fmt: skip
@virtually
async def test_an_error_after_the_text(
    loop: VirtualLoop, tmp_path: Path, code: int, cls: OutcomeClass, scope: Scope
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("cms_error", code=code, count=1)
        result = await rig.send()
        assert ends(result) == (True, cls, f"CMS {code}")
        assert result.outcome.scope is scope
        await rig.ready()
        await usable(rig)


@pytest.mark.parametrize(("tried", "cls"), [(0, TRANSIENT), (1, TRANSIENT), (2, PERMANENT)])
@virtually
async def test_a_text_that_is_invalid_was_garbled_twice_at_the_most(
    loop: VirtualLoop, tmp_path: Path, tried: int, cls: OutcomeClass
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("prompt_lost", answer="+CMS ERROR: 304", count=1)
        result = await rig.send(attempts=tried)
        assert ends(result) == (True, cls, "CMS 304")
        assert result.outcome.scope is Scope.MESSAGE
        await usable(rig)


@pytest.mark.parametrize(("after_s", "cls"), [(0.0, TRANSIENT), (2.0, UNKNOWN)])
@virtually
async def test_an_error_without_a_reason(
    loop: VirtualLoop, tmp_path: Path, after_s: float, cls: OutcomeClass
) -> None:
    """At once it comes from no network; later nobody knows."""
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_mr", count=1)
        sending = spawn(rig.send(), name="the caller")
        await rig.until(lambda: rig.sim.sends and rig.sim.sends[-1].ctrl_z_at_s is not None)
        await asyncio.sleep(after_s)
        rig.sim.emit(b"\r\nERROR\r\n")
        assert ends(await sending) == (True, cls, "ERROR")
        await usable(rig)


@pytest.mark.parametrize("code", [14, 500, 100])
@virtually
async def test_the_same_before_the_prompt_is_transient(
    loop: VirtualLoop, tmp_path: Path, code: int
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("cme_error", verb="+CMGS", code=code, count=1)
        done = await rig.send()
        assert (*ends(done), done.refused) == (False, TRANSIENT, f"CME {code}", True)
        await rig.ready()
        await usable(rig)


@virtually
async def test_an_error_in_words_has_its_code(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.settings.cmee = 2
        rig.sim.faults.set("cme_error", verb="+CMGS", code=14, count=1)
        assert ends(await rig.send()) == (False, TRANSIENT, "CME 14")


@virtually
async def test_an_error_that_was_none_is_corrected_by_the_report(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("cms_error", code=500, carried=True, count=1)
        assert ends(await rig.send()) == (True, UNKNOWN, "CMS 500")
        await rig.until(lambda: rig.behind.reports)
        assert rig.behind.reports[0].delivered


@virtually
async def test_a_lost_service_centre_is_written_again(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        known = rig.view.smsc
        rig.sim.faults.set("smsc_lost")
        result = await rig.send()
        assert result.outcome.code == "CMS 330"
        await rig.until(lambda: rig.sim.card.smsc and not rig.sim.faults.active(), 10)
        assert rig.sim.card.smsc == known
        await usable(rig)


# -- the prompt --------------------------------------------------------------------------------


@virtually
async def test_no_prompt_is_transient_and_escaped(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_prompt", count=1)
        begun_s = loop.time()
        assert ends(await rig.send()) == (False, TRANSIENT, "no prompt")
        assert loop.time() - begun_s == pytest.approx(10.0, abs=0.5)
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_a_prompt_that_comes_after_the_limit_swallows_nothing(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("slow_prompt", delay_s=12.0, count=1)
        assert ends(await rig.send()) == (False, TRANSIENT, "no prompt")
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_a_prompt_that_does_not_end_is_escaped(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("stuck_prompt", count=1)
        assert ends(await rig.send()) == (True, TRANSIENT, "stuck")
        assert rig.sim.sends[-1].final == "escaped"
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_ok_instead_of_the_prompt(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_prompt", count=1)
        sending = spawn(rig.send(), name="the caller")
        await asyncio.sleep(1)
        rig.sim.emit(b"\r\nOK\r\n")
        assert ends(await sending) == (False, TRANSIENT, "no prompt")
        await usable(rig)


@virtually
async def test_an_earlier_reference_before_the_prompt_is_not_this_ones(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("slow_prompt", delay_s=3.0, count=1)
        sending = spawn(rig.send(), name="the caller")
        await asyncio.sleep(1)
        rig.sim.emit(b"\r\n+CMGS: 9\r\n\r\nOK\r\n")
        assert ends(await sending) == (False, TRANSIENT, "no prompt")
        await usable(rig)
        assert rig.texts() == ["what follows"]


# -- the intent --------------------------------------------------------------------------------


@pytest.mark.parametrize("delay_s", [0.0, 3.0])
@virtually
async def test_withdrawn_before_the_text_is_escaped(
    loop: VirtualLoop, tmp_path: Path, delay_s: float
) -> None:
    async with rigged(loop, tmp_path) as rig:

        async def withdrawn(_tpdu: bytes) -> AirResult:
            await asyncio.sleep(delay_s)
            return STAY

        result = await rig.unit.send(rig.segment(), withdrawn)
        assert ends(result) == (False, TRANSIENT, "withdrawn")
        assert result.outcome.scope is Scope.MESSAGE
        assert rig.sim.sends[-1].final == "escaped"
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_no_text_without_its_commit(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:

        async def broken(_tpdu: bytes) -> AirResult:
            raise StoreUnavailable("disk full")

        with pytest.raises(StoreUnavailable, match="disk full"):
            await rig.unit.send(rig.segment(), broken)
        assert rig.sim.sends[-1].ctrl_z_at_s is None
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_the_text_waits_for_a_slow_commit(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        committed_s = 0.0

        async def slow(_tpdu: bytes) -> AirResult:
            nonlocal committed_s
            await asyncio.sleep(20)
            committed_s = loop.time()
            return GO

        result = await rig.unit.send(rig.segment(), slow)
        assert ends(result) == (True, OK, "OK")
        assert (rig.sim.sends[-1].ctrl_z_at_s or 0.0) >= committed_s > 19
        assert result.air_s == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("said", "code"),
    [("ERROR", "ERROR"), ("+CMS ERROR: 500", "CMS 500"), ("OK", "no prompt"),
     ("+CMGS: 77\r\n\r\nOK", "no prompt")],
)  # fmt: skip
@virtually
async def test_a_prompt_that_ends_while_the_intent_is_committed(
    loop: VirtualLoop, tmp_path: Path, said: str, code: str
) -> None:
    """By the modem's own limit, or an answer that somebody else waits for."""
    async with rigged(loop, tmp_path) as rig:

        async def slow(_tpdu: bytes) -> AirResult:
            await asyncio.sleep(2)
            return GO

        sending = spawn(rig.unit.send(rig.segment(), slow), name="the caller")
        await asyncio.sleep(1)
        rig.sim.emit(f"\r\n{said}\r\n".encode())
        assert ends(await sending) == (False, TRANSIENT, code)
        assert rig.sim.sends[-1].ctrl_z_at_s is None
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_a_bug_in_the_commit_reaches_the_caller_and_leaves_a_modem_that_works(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:

        async def wrong(_tpdu: bytes) -> AirResult:
            raise KeyError("a bug of ours")

        with pytest.raises(KeyError):
            await rig.unit.send(rig.segment(), wrong)
        await rig.until(lambda: rig.view.ready)
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_what_cannot_be_built_fails_for_good(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        result = await rig.send(to="0" * 40)
        assert ends(result) == (False, PERMANENT, "codec")
        assert result.outcome.scope is Scope.MESSAGE
        assert rig.committed == []
        assert rig.sim.counts["+CMGS"] == 0


# -- what was prepared --------------------------------------------------------------------------
def sends_prepared(rig: Rig) -> tuple[asyncio.Task[SendResult], list[AirResult]]:
    """A dialogue whose intent was prepared, and what has begun of it."""
    begun: list[AirResult] = []

    def begin() -> AirResult:
        begun.append(GO)
        return GO

    return spawn(rig.unit.send(rig.segment(), lambda _tpdu: begin), name="the caller"), begun


@virtually
async def test_what_may_not_begin_any_more_leaves_the_prompt(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        result = await rig.unit.send(rig.segment(), lambda _tpdu: lambda: STAY)
        assert ends(result) == (False, TRANSIENT, "withdrawn")
        assert rig.sim.sends[-1].ctrl_z_at_s is None
        await usable(rig)
        assert rig.texts() == ["what follows"]


@pytest.mark.parametrize(("said", "code"), [("ERROR", "ERROR"), ("+CMS ERROR: 500", "CMS 500")])
@virtually
async def test_a_prompt_that_ends_in_the_same_read_begins_nothing(
    loop: VirtualLoop, tmp_path: Path, said: str, code: str
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_prompt")
        sending, begun = sends_prepared(rig)
        await asyncio.sleep(1)
        rig.sim.emit(f"\r\n> \r\n{said}\r\n".encode())
        result = await sending
        rig.sim.faults.clear()
        assert ends(result) == (False, TRANSIENT, code)
        assert result.refused
        assert begun == []
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_who_is_cancelled_begins_nothing_at_a_late_prompt(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("slow_prompt", delay_s=3.0)
        sending, begun = sends_prepared(rig)
        await asyncio.sleep(1)
        sending.cancel()
        await asyncio.wait([sending])
        await asyncio.sleep(5)
        rig.sim.faults.clear()
        assert begun == []
        await usable(rig)
        assert rig.texts() == ["what follows"]


@virtually
async def test_who_is_cancelled_as_the_prompt_is_read_begins_nothing(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_prompt")
        sending, begun = sends_prepared(rig)
        await asyncio.sleep(1)
        connection = rig.unit._connection
        assert connection is not None
        sending.cancel()
        connection.sender._session.data_received(b"\r\n> ")
        await asyncio.wait([sending])
        rig.sim.faults.clear()
        assert begun == []
        await usable(rig)
        assert rig.texts() == ["what follows"]


@pytest.mark.parametrize("patience_s", [2.0, 15.0])
@virtually
async def test_the_patience_of_a_message_counts_from_its_text(
    loop: VirtualLoop, tmp_path: Path, patience_s: float
) -> None:
    async with rigged(loop, tmp_path, air_s=30.0) as rig:
        classes = dict(rig.settings.classes)
        classes[MessageClass.OTP] = replace(classes[MessageClass.OTP], patience_s=patience_s)
        rig.unit._settings = replace(rig.settings, classes=classes)
        rig.sim.faults.set("slow_prompt", delay_s=4.0)
        begun_s = loop.time()
        result = await rig.send(class_=MessageClass.OTP)
        rig.sim.faults.clear()
        assert ends(result) == (True, UNKNOWN, "patience")
        assert result.prompt_s == pytest.approx(4.0, abs=0.1)
        assert loop.time() - begun_s == pytest.approx(4.0 + patience_s, abs=0.2)


# -- the port goes ------------------------------------------------------------------------------


@virtually
async def test_pulled_out_before_the_text(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_prompt")
        sending = spawn(rig.send(), name="the caller")
        await asyncio.sleep(1)
        rig.sim.unplug()
        assert ends(await sending) == (False, TRANSIENT, "port lost")


@pytest.mark.parametrize("lost_s", [0.0, 0.5])
@virtually
async def test_pulled_out_while_the_intent_is_committed(
    loop: VirtualLoop, tmp_path: Path, lost_s: float
) -> None:
    async with rigged(loop, tmp_path) as rig:

        async def slow(_tpdu: bytes) -> AirResult:
            await asyncio.sleep(1.0 - lost_s)
            rig.sim.unplug()
            await asyncio.sleep(lost_s)
            return GO

        result = await rig.unit.send(rig.segment(), slow)
        assert ends(result) == (False, TRANSIENT, "port lost")


@pytest.mark.parametrize(
    ("fault", "how"),
    [("hangup_mid_pdu", {"at": "ctrl_z"}), ("hangup_mid_pdu", {"octets": 10}),
     ("spontaneous_restart", {"when": "ctrl_z"})],
)  # fmt: skip
@virtually
async def test_lost_after_the_text_nobody_knows(
    loop: VirtualLoop, tmp_path: Path, fault: str, how: dict[str, Any]
) -> None:
    async with rigged(loop, tmp_path, personality="quectel-ec25-like") as rig:
        rig.sim.faults.set(fault, **how, count=1)
        result = await rig.send()
        assert ends(result) == (True, UNKNOWN, "port lost")
        assert rig.behind.lates == []
        await rig.until(lambda: not rig.view.ready)
        rig.sim.plug()
        await rig.ready()
        await usable(rig)


@virtually
async def test_a_restart_that_says_little(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("spontaneous_restart", when="ctrl_z", count=1)
        assert ends(await rig.send()) == (True, UNKNOWN, "dropped")
        await rig.until(lambda: not rig.view.ready)  # its settings are gone, and that is seen
        await rig.ready()
        await usable(rig)


# -- no answer ----------------------------------------------------------------------------------


@virtually
async def test_forgotten_by_the_modem_is_known_after_one_probe(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        assert (await rig.send("first")).mr is not None
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        begun_s = loop.time()
        assert ends(await rig.send()) == (True, UNKNOWN, "dropped")
        assert loop.time() - begun_s == pytest.approx(15.0, abs=0.1)
        await usable(rig)


@pytest.mark.parametrize("refused", [True, False])
@virtually
async def test_a_late_answer_of_an_earlier_message_is_not_taken_for_that_of_this_one(
    loop: VirtualLoop, tmp_path: Path, refused: bool
) -> None:
    async with rigged(loop, tmp_path) as rig:
        assert (await rig.send("first")).mr is not None
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=20.0, answers=True, count=1)
        if refused:
            rig.sim.faults.set("cms_error", code=21, count=1)
        assert ends(await rig.send("second")) == (True, UNKNOWN, "dropped")
        rig.sim.radio.air_s = 8.0
        segment_ = rig.segment("third")
        done = await rig.unit.send(segment_, rig.commit)
        # What was refused has no reference: nobody can tell which of the two was.
        assert ends(done) == ((True, UNKNOWN, "whose") if refused else (True, OK, "OK"))
        assert done.mr == (None if refused else 2)
        # To its own answer, or to the only one.
        assert done.air_s == pytest.approx(5 if refused else 8, abs=0.5)
        await asyncio.sleep(200.0)
        credited = [(each, mr, outcome.code) for each, mr, outcome in rig.behind.lates]
        assert credited == ([] if refused else [(2, 1, "OK")])
        assert rig.texts() == ["first", *([] if refused else ["second"]), "third"]
        rig.sim.faults.set("cms_error", code=21, count=1)
        assert (await rig.send("fourth")).outcome.code == "CMS 21"  # nothing is open any more
        await usable(rig)


def no_longer(cmgs_s: float) -> Profile:
    """The generic profile with another limit, and without probes."""
    generic = load_profile()
    return replace(generic, timing=replace(generic.timing, cmgs_s=cmgs_s, probe_s=0))


@virtually
async def test_without_a_reference_to_count_from_the_order_tells_whose_answer_came(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """Two came while the second was on the air: the late one of the first, then its own."""
    async with rigged(loop, tmp_path, profile=no_longer(10), air_s=4.0) as rig:
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=8.0, answers=True, count=1)
        assert ends(await rig.send("first")) == (True, UNKNOWN, "timeout")
        second = await rig.send("second")
        assert ends(second) == (True, OK, "OK")
        assert second.mr == 1
        ((segment_id, mr, outcome),) = rig.behind.lates
        assert (segment_id, mr, outcome.ok) == (1, 0, True)
        assert rig.texts() == ["first", "second"]
        await usable(rig)  # nothing is open any more


@pytest.mark.parametrize("known", [True, False])
@virtually
async def test_one_lost_answer_leaves_one_message_in_doubt(
    loop: VirtualLoop, tmp_path: Path, known: bool
) -> None:
    """Also of a modem that is new, and of one that has not numbered the message."""
    async with rigged(loop, tmp_path) as rig:
        if known:
            assert (await rig.send("before")).mr is not None
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        if known:
            rig.sim.faults.set("cms_error", code=21, count=1)
        assert ends(await rig.send("lost")) == (True, UNKNOWN, "dropped")
        begun_s = loop.time()
        for number in range(3):
            assert ends(await rig.send(f"text {number}")) == (True, OK, "OK")
        assert loop.time() - begun_s == pytest.approx(LISTEN_S, abs=3)  # for the first alone
        assert rig.behind.lates == []


async def counted(rig: Rig) -> None:
    """Until it is known that the modem counts its references."""
    for number in range(COUNTED + 1):
        assert (await rig.send(f"counted {number}")).mr == number


@pytest.mark.parametrize("owing", [True, False])
@virtually
async def test_a_smaller_reference_is_that_of_an_earlier_message(
    loop: VirtualLoop, tmp_path: Path, owing: bool
) -> None:
    """Also where others went in between, and where it was not waited for any more."""
    async with rigged(loop, tmp_path) as rig:
        await counted(rig)
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=20.0, answers=True, count=1)
        assert ends(await rig.send("late")) == (True, UNKNOWN, "dropped")
        assert (await rig.send("between")).mr == 5
        if not owing:
            rig.unit._healing.owed.paid()  # type: ignore[attr-defined]
        rig.sim.radio.air_s = 8.0
        done = await rig.send("newest")
        assert (ends(done), done.mr) == ((True, OK, "OK"), 6)
        credited = [(each, mr, outcome.code) for each, mr, outcome in rig.behind.lates]
        assert credited == ([(5, 4, "OK")] if owing else [])


@pytest.mark.parametrize("taken", [True, False])
@virtually
async def test_two_answers_in_one_piece_are_those_of_two_messages(
    loop: VirtualLoop, tmp_path: Path, taken: bool
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await counted(rig)
        rig.sim.faults.set("no_final", verb="+CMGS", count=2)
        assert ends(await rig.send("late")) == (True, UNKNOWN, "dropped")
        sending = spawn(rig.send("newest"), name="the caller")
        await asyncio.sleep(3)
        own = "+CMGS: 5\r\n\r\nOK" if taken else "+CMS ERROR: 21"
        rig.sim.emit(f"\r\n+CMGS: 4\r\n\r\nOK\r\n\r\n{own}\r\n".encode())
        done = await sending
        assert (ends(done), done.mr) == (
            ((True, OK, "OK"), 5) if taken else ((True, UNKNOWN, "whose"), None)
        )
        credited = [(each, mr) for each, mr, _ in rig.behind.lates]
        assert credited == ([(5, 4)] if taken else [])


@virtually
async def test_what_is_longer_on_the_air_is_waited_for(loop: VirtualLoop, tmp_path: Path) -> None:
    """An earlier answer in doubt is not taken for its own while the modem answers no probe."""
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=20.0, answers=True, count=1)
        assert ends(await rig.send("late")) == (True, UNKNOWN, "dropped")
        rig.sim.radio.air_s = 50.0
        done = await rig.send("long", class_=MessageClass.BULK)
        assert (ends(done), done.mr) == ((True, OK, "OK"), 1)
        assert [(each, mr) for each, mr, _ in rig.behind.lates] == [(1, 0)]


@virtually
async def test_a_text_that_was_not_understood_is_the_newest_ones_whatever_is_owed(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=25.0, answers=True, count=1)
        assert ends(await rig.send("late")) == (True, UNKNOWN, "dropped")
        rig.sim.faults.set("cms_error", code=304, count=1)
        done = await rig.send("garbled")
        assert (done.outcome.cls, done.outcome.code) == (TRANSIENT, "CMS 304")
        await rig.until(lambda: rig.behind.lates, 30)
        assert [(each, mr) for each, mr, _ in rig.behind.lates] == [(1, 0)]


@virtually
async def test_a_count_that_begins_anew_unseen_costs_one_message_its_certainty(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await counted(rig)
        rig.sim.radio.last_mr = -1
        assert ends(await rig.send("first")) == (True, UNKNOWN, "whose")
        assert [(await rig.send(f"after {number}")).mr for number in range(3)] == [1, 2, 3]


@virtually
async def test_a_count_that_begins_anew_again_and_again_costs_no_more(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        codes = []
        for number in range(40):
            if number % 8 == 0:
                rig.sim.radio.last_mr = -1
            codes.append((await rig.send(f"text {number}")).outcome.code)
        assert codes == [*["OK"] * 8, "whose", *["OK"] * 31]


@virtually
async def test_the_ok_of_another_program_whose_line_is_damaged_is_no_answer(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        for number in range(5):
            assert ends(await rig.send(f"text {number}")) == (True, OK, "OK")
        rig.sim.faults.set("no_final", verb="+CMGS", lost=True, count=1)  # nobody gets it
        loop.call_later(2.0, rig.sim.emit, b'\r\nS M0,S",330"SM3,\r\n\r\nOK\r\n')
        done = await rig.send("lost")
        assert (done.begun, done.outcome.cls) == (True, UNKNOWN)
        await usable(rig)


@virtually
async def test_where_several_are_in_doubt_the_next_one_is_not(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", verb="+CMGS", count=2)
        for number in range(2):
            assert ends(await rig.send(f"lost {number}")) == (True, UNKNOWN, "dropped")
        assert ends(await rig.send("one of three")) == (True, UNKNOWN, "whose")
        assert [(await rig.send(f"after {number}")).mr for number in range(3)] == [3, 4, 5]


@pytest.mark.parametrize("said", [b"\r\n+CMS ERROR: 38\r\n", b"\r\nCMS ERRR: 38\r\n"])
@virtually
async def test_what_is_said_after_an_answer_leaves_it_open_whose_it_is(
    loop: VirtualLoop, tmp_path: Path, said: bytes
) -> None:
    """An answer that nobody can read may be the message's own."""
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        assert ends(await rig.send("lost")) == (True, UNKNOWN, "dropped")
        loop.call_later(5.0, rig.sim.emit, said)
        assert ends(await rig.send("second")) == (True, UNKNOWN, "whose")
        assert ends(await rig.send("third")) == (True, OK, "OK")


@virtually
async def test_ok_without_a_reference_is_the_newest_ones_where_nothing_follows(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        assert (await rig.send("first")).mr is not None
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        assert ends(await rig.send("second")) == (True, UNKNOWN, "dropped")
        rig.sim.faults.set("ok_without_mr", count=1)
        assert ends(await rig.send("third")) == (True, OK, "OK")
        await usable(rig)  # its number tells it apart


@virtually
async def test_ok_without_a_reference_that_comes_after_a_probe(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """Else each message that takes long would leave those after it in doubt."""
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("ok_without_mr")
        rig.sim.radio.air_s = 22.0
        for number in range(3):
            done = await rig.send(f"text {number}", class_=MessageClass.BULK)
            assert (ends(done), done.mr) == ((True, OK, "OK"), None)
            assert done.air_s == pytest.approx(22, abs=0.5)


@virtually
async def test_an_answer_that_came_late_is_not_owed_any_more(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=20.0, answers=True, count=1)
        assert ends(await rig.send("first")) == (True, UNKNOWN, "dropped")
        await rig.until(lambda: rig.behind.lates, 20)
        ((segment_id, mr, outcome),) = rig.behind.lates
        assert (segment_id, mr, outcome.ok) == (1, 0, True)
        await usable(rig)


@virtually
async def test_a_late_answer_is_not_that_of_a_message_which_had_its_own(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """Nobody knows what became of the second; but no answer to it is to come."""
    async with rigged(loop, tmp_path) as rig:
        assert (await rig.send("before")).mr == 0
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        assert ends(await rig.send("first")) == (True, UNKNOWN, "dropped")
        rig.sim.faults.set("cms_error", code=500, count=1)
        assert ends(await rig.send("second")) == (True, UNKNOWN, "CMS 500")
        await rig.ready()
        rig.sim.emit(b"\r\n+CMGS: 1\r\n\r\nOK\r\n")
        await rig.until(lambda: rig.behind.lates, 5)
        assert [(each, mr) for each, mr, _ in rig.behind.lates] == [(2, 1)]
        rig.sim.faults.set("cms_error", code=500, count=1)
        assert ends(await rig.send("third")) == (True, UNKNOWN, "CMS 500")
        rig.sim.emit(b"\r\n+CMGS: 9\r\n\r\nOK\r\n")  # to another program
        await asyncio.sleep(5)
        assert len(rig.behind.lates) == 1


@virtually
async def test_a_refusal_is_nobodys_where_the_message_before_may_have_got_it(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """Both answered late: the first refused, the second taken, which must not be sent anew."""
    async with rigged(loop, tmp_path) as rig:
        assert (await rig.send("before")).mr == 0
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        assert ends(await rig.send("first")) == (True, UNKNOWN, "dropped")
        rig.sim.faults.set("cms_error", code=38, count=1)
        assert ends(await rig.send("second")) == (True, UNKNOWN, WHOSE)
        await rig.ready()
        rig.sim.emit(b"\r\n+CMGS: 1\r\n\r\nOK\r\n")
        await asyncio.sleep(5)
        assert rig.behind.lates == []


@virtually
async def test_where_two_are_owed_the_second_is_not_taken_for_one_in_doubt(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """Refused while both were owed; the answers to both come after that, one after the other."""
    async with rigged(loop, tmp_path) as rig:
        assert (await rig.send("before")).mr == 0
        for text in ("first", "second"):
            rig.sim.faults.set("no_final", verb="+CMGS", count=1)
            assert ends(await rig.send(text)) == (True, UNKNOWN, "dropped")
        rig.sim.faults.set("cms_error", code=38, count=1)
        sending = spawn(rig.send("third"), name="third")
        await asyncio.sleep(10)
        rig.sim.emit(b"\r\n+CMGS: 1\r\n\r\nOK\r\n")
        assert ends(await sending) == (True, UNKNOWN, WHOSE)
        await rig.ready()
        rig.sim.emit(b"\r\n+CMGS: 2\r\n\r\nOK\r\n")
        await asyncio.sleep(5)
        assert rig.behind.lates == []


@pytest.mark.parametrize("late", ["+CMGS: 1\r\n\r\nOK", "+CMS ERROR: 21"])
@virtually
async def test_a_late_answer_of_one_of_two_is_credited_by_its_number_only(
    loop: VirtualLoop, tmp_path: Path, late: str
) -> None:
    """The second's, or one without a number: not that of the third, which may have another."""
    async with rigged(loop, tmp_path) as rig:
        assert (await rig.send("first")).mr == 0
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        assert ends(await rig.send("second")) == (True, UNKNOWN, "dropped")
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        assert ends(await rig.send("third")) == (True, UNKNOWN, "dropped")
        rig.sim.emit(f"\r\n{late}\r\n".encode())
        await asyncio.sleep(1.0)
        assert rig.behind.lates == []


@virtually
async def test_no_answer_at_all_ends_at_the_limit(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.radio.air_s = 1000.0
        segment_ = rig.segment(class_=MessageClass.BULK)
        begun_s = loop.time()
        result = await rig.unit.send(segment_, rig.commit)
        assert result.outcome.cls is UNKNOWN
        assert result.begun
        assert loop.time() - begun_s == pytest.approx(120.0, abs=16.0)
        await rig.until(lambda: rig.view.state is not UnitState.READY)
        assert "does not answer" in (rig.view.last_error or "")


@virtually
async def test_busy_to_the_probe_means_still_sending(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=30, answers=True, count=1)
        rig.sim.faults.set("cme_error", verb="+CMEE", code=515)
        result = await rig.send()
        assert ends(result) == (True, OK, "OK")
        assert result.air_s == pytest.approx(30.2, abs=0.1)
        rig.sim.faults.clear()
        await usable(rig)


@pytest.mark.parametrize("share", [0.0, 0.5])
@virtually
async def test_answers_in_pieces_are_told_while_the_message_is_out(
    loop: VirtualLoop, tmp_path: Path, share: float
) -> None:
    """`modems.md` fault 57: not only after the limit of the message; silence alone is no sign."""
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=100, answers=True, count=1)
        rig.sim.faults.set("cme_error", verb="+CMEE", code=515)
        sending = spawn(rig.send(class_=MessageClass.BULK), name="the message")
        await asyncio.sleep(1)
        fault = "second_reader" if share else "silence"
        rig.sim.faults.set(fault, **({"share": share} if share else {}))
        await asyncio.sleep(59)
        assert (rig.view.last_error == NOT_ALONE) is (share > 0)
        assert not sending.done()
        rig.sim.faults.clear(fault)
        assert ends(await sending) == (True, OK, "OK")


@virtually
async def test_without_probes_where_the_profile_says_so(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, profile=no_longer(120)) as rig:
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=50, answers=True, count=1)
        from_s = loop.time()
        assert ends(await rig.send()) == (True, OK, "OK")
        assert "AT+CMEE?" not in rig.heard(from_s)


# -- late ---------------------------------------------------------------------------------------


def test_a_late_answer_is_read_like_any_other() -> None:
    command = at.send_pdu(20)
    late = Late(command=command, line="+CMGS: 64")
    mr, outcome = late_result(late.line, late.final)
    assert (mr, outcome.ok) == (64, True)
    refused = Final(kind=FinalKind.CMS, code=38, text="38")
    mr, outcome = late_result(None, refused)
    assert (mr, outcome.cls, outcome.code) == (None, TRANSIENT, "CMS 38")

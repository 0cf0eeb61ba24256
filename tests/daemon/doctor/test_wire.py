"""What a trace says about credit, supply and a message service that is dead."""

from __future__ import annotations

import pytest

from airpost.daemon.doctor.wire import (
    NOTE,
    RECEIVED,
    SENT,
    Fate,
    Wire,
    check_sending,
    check_supply,
    fates,
    starts,
)


def sending(*ends: tuple[str, str]) -> Wire:
    """A message for each of `ends`, which is the line that ended it."""
    wire: list[tuple[str, str]] = []
    for end in ends:
        wire += [(SENT, "AT+CMGS=20"), (RECEIVED, "> "), (SENT, "<20 octets><Ctrl-Z>"), end]
        wire += [(SENT, "AT+CSQ"), (RECEIVED, "+CSQ: 20,99"), (RECEIVED, "OK")]
    return tuple(wire)


GONE = (NOTE, "gave up waiting")
GOOD = (RECEIVED, "+CMGS: 7")


def refused(code: int) -> tuple[str, str]:
    return (RECEIVED, f"+CMS ERROR: {code}")


def test_the_fate_of_each() -> None:
    wire = sending(GOOD, refused(21), refused(500), GONE, (RECEIVED, "ERROR"))
    assert [fate for fate, _ in fates(wire)] == [
        Fate.SENT, Fate.REFUSED, Fate.ERROR, Fate.SILENT, Fate.ERROR]  # fmt: skip
    assert fates(((SENT, "AT+CMGS=20"), (RECEIVED, "> "))) == [], "it is still under way"


@pytest.mark.parametrize(
    ("ends", "check"),
    [
        ([refused(21)] * 3, "credit"),
        ([refused(69), refused(30), refused(21)], "credit"),
        ([GONE] * 3, "sending"),
        ([GOOD, GONE, GONE, GONE], "sending"),
        ([refused(500), GONE, refused(38)], "sending"),
        ([refused(21)] * 2, None),
        ([refused(21), refused(21), GOOD], None),
        ([GONE, GONE, GOOD], None),
    ],
)
def test_three_in_a_row(ends: list[tuple[str, str]], check: str | None) -> None:
    found = list(check_sending("gate-1", sending(*ends)))
    assert [each.check for each in found] == ([check] if check else [])


def test_a_modem_that_starves() -> None:
    started = [(RECEIVED, "RDY"), (RECEIVED, "Call Ready"), (RECEIVED, "SMS Ready")]
    low = (RECEIVED, "UNDER-VOLTAGE WARNNING")
    (found,) = check_supply("gate-1", (low, *started, low, *started))
    assert "voltage is too low and has restarted 2 times" in found.what
    (found,) = check_supply("gate-1", (*started, *started))
    assert found.check == "power"
    assert list(check_supply("gate-1", tuple(started))) == []
    assert list(check_supply("gate-1", ((SENT, "UNDER-VOLTAGE"),))) == []


def test_the_lines_of_one_start_count_once() -> None:
    assert starts(["RDY", "+CPIN: READY", "Call Ready", "SMS Ready"]) == 1
    assert starts(["^SYSSTART", "^SYSSTART"]) == 2
    assert starts(["+CREG: 1"]) == 0

"""Registration, signal and operator, in every shape on record."""

from __future__ import annotations

import pytest

from airpost.at import network
from airpost.at.network import Operator, Registration, RegistrationState, Signal

S = RegistrationState


def registered(line: str) -> Registration:
    found = network.registration([line])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("line", "n", "state", "lac", "ci", "act"),
    [
        ("+CREG: 0,5", 0, S.ROAMING, "", "", None),
        ("+CREG:002,001,\"18d8\",\"ffff\"", 2, S.HOME, "18d8", "ffff", None),
        ('+CREG: 0,1,"5E25","605F",2', 0, S.HOME, "5E25", "605F", 2),
        ("+CREG: 2,0,00,0", 2, S.IDLE, "00", "0", None),
        ("+CEREG: 1, 2, 0001, 00000100, 7", 1, S.SEARCHING, "0001", "00000100", 7),
        ("+CGREG:2,10,ebbd,f025", 2, S.ROAMING_CSFB_NOT_PREFERRED, "ebbd", "f025", None),
        ("+CEREG: 2,1, 1F00, 20, 79D903 ,7", 2, S.HOME, "1F00", "79D903", 7),
        ("+CREG: 0,11", 0, S.ATTACHED_RLOS, "", "", None),
    ],
)  # fmt: skip
def test_read(line: str, n: int, state: S, lac: str, ci: str, act: int | None) -> None:
    found = registered(line)
    assert (found.n, found.state, found.lac, found.ci, found.act) == (n, state, lac, ci, act)
    assert (found.unsolicited, found.intact) == (False, True)


@pytest.mark.parametrize(
    ("line", "state", "lac", "ci", "act"),
    [
        ("+CREG: 3", S.DENIED, "", "", None),
        ("+CREG: 1,8BE3,2BAF", S.HOME, "8BE3", "2BAF", None),
        ("+CREG: 1,0001,0010,0", S.HOME, "0001", "0010", 0),
        ('+CREG: 001,"0001","0010",000', S.HOME, "0001", "0010", 0),
        ("+CEREG: 2, 0001, 00000100, 7", S.SEARCHING, "0001", "00000100", 7),
        ('+CGREG: 1,"1422","00000142",3,"00"', S.HOME, "1422", "00000142", 3),
        ("+CEREG: 1, 1F00, 20, 79D903 ,7", S.HOME, "1F00", "79D903", 7),
        ("+C5GREG: 1,1F00,79D903,11,6,ABCDEF", S.HOME, "1F00", "79D903", 11),
        ("+CREG: 5,12,34", S.ROAMING, "12", "34", None),
    ],
)  # fmt: skip
def test_unsolicited(line: str, state: S, lac: str, ci: str, act: int | None) -> None:
    found = registered(line)
    assert (found.state, found.lac, found.ci, found.act) == (state, lac, ci, act)
    assert (found.unsolicited, found.n, found.which) == (True, None, line.split(":")[0])


def test_six_fields_with_n_are_unsolicited_all_the_same() -> None:
    found = registered("+CREG: 2,11,003F,8FE3, B, C2816")
    assert (found.unsolicited, found.state, found.lac) == (True, S.ATTACHED_RLOS, "003F")


@pytest.mark.parametrize("line", ['+CREG: 2,1,"0B,"0100701",7', '+CREG: 2,1,"5E25'])
def test_broken_quotes_leave_the_state(line: str) -> None:
    found = registered(line)
    assert (found.n, found.state, found.intact, found.act) == (2, S.HOME, False, None)


@pytest.mark.parametrize("line", ["+CREG:", "+CREG: x", "+CREG: 12", "+CREG: ,1", "+CSQ: 1", "OK"])
def test_no_registration(line: str) -> None:
    assert network.registration([line]) is None


def test_the_first_line_that_holds_a_state_counts() -> None:
    found = network.registration(["noise", "+CREG: ?", "+CGREG: 0", "+CREG: 5"])
    assert found is not None
    assert (found.which, found.state) == ("+CGREG", S.IDLE)


def test_what_a_state_means() -> None:
    def those(name: str) -> set[int]:
        found = (Registration(which="+CREG", state=state) for state in S)
        return {each.state.value for each in found if getattr(each, name)}

    assert those("registered") == {1, 5, 6, 7}
    assert those("roaming") == {5, 7}
    sentences = {Registration(which="+CREG", state=state).sentence for state in S}
    assert len(sentences) == len(S)
    assert registered("+CREG: 0,3").sentence == "denied by the network"


@pytest.mark.parametrize(
    ("line", "expected", "dbm"),
    [
        ("+CSQ: 28,0", Signal(rssi=28, ber=0), -57),
        ("+CSQ:4,99", Signal(rssi=4), -105),
        ("+CSQ: 0", Signal(rssi=0), -113),
        ("+CSQ: 31,7", Signal(rssi=31, ber=7), -51),
        ("+CSQ: 99,99", Signal(rssi=None), None),
        ("+CSQ: 199,99", Signal(rssi=None), None),
    ],
)
def test_signal(line: str, expected: Signal, dbm: int | None) -> None:
    found = network.signal([line])
    assert found == expected
    assert found.dbm == dbm


@pytest.mark.parametrize("line", ["+CSQ:", "+CSQ: x,1", "+CREG: 1", "+CSQ: -1,2"])
def test_no_signal(line: str) -> None:
    assert network.signal([line]) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+COPS: 0", Operator(mode=0)),
        ('+COPS: 0,0,"MTN",2', Operator(mode=0, format=0, name="MTN", act=2)),
        ('+COPS: 0,0,"TELE2,0', Operator(mode=0, format=0, name="TELE2", act=0)),
        ("+COPS: 0,0,TELE2,0", Operator(mode=0, format=0, name="TELE2", act=0)),
        ('+COPS: 0,0,"Tele2@\xff"', Operator(mode=0, format=0, name="Tele2")),
        ('+COPS: 1,2,"26201",7', Operator(mode=1, format=2, name="26201", act=7)),
        ('+COPS: 0,0,"005900 bad",0', Operator(mode=0, format=0, name="005900 bad", act=0)),
        ('+COPS: 0,0,"0059004F00490047004F",0', Operator(mode=0, format=0, name="YOIGO", act=0)),
        ('+COPS: 0,0,""', Operator(mode=0, format=0)),
    ],
)
def test_operator(line: str, expected: Operator) -> None:
    assert network.operator([line]) == expected


@pytest.mark.parametrize("line", ["+COPS:", '+COPS: (2,"a","a","1")', "OK"])
def test_no_operator(line: str) -> None:
    assert network.operator([line]) is None

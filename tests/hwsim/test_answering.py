from __future__ import annotations

from random import Random

from hwsim.answering import framed, garbage, line_of_its_own
from hwsim.faults import Faults
from hwsim.personality import Settings


def test_framing_by_the_settings() -> None:
    faults = Faults(Random(1))
    assert framed(faults, Settings(), "+CSQ", ["a", "b"], "OK") == b"\r\na\r\nb\r\n\r\nOK\r\n"
    assert framed(faults, Settings(), "+CSQ", ["a"], None) == b"\r\na\r\n"
    assert framed(faults, Settings(verbose=False), "", ["a"], "ERROR") == b"a\r\n4\r"
    assert framed(faults, Settings(quiet=True), "", ["a"], "OK") == b"\r\na\r\n"


def test_what_stands_in_between() -> None:
    faults = Faults(Random(1))
    faults.set("urc_inside", line="X")
    faults.set("glued", line="Y", verb="+CSQ")
    said = framed(faults, Settings(), "+CSQ", ["a"], "OK", inside=b"I", doubled=True)
    assert said == b"\r\na\r\n\r\na\r\nI\r\nX\r\n\r\nOK\r\n\r\nY\r\n"
    assert line_of_its_own("RING") == b"\r\nRING\r\n"


def test_garbage_is_no_text() -> None:
    faults = Faults(Random(1))
    faults.set("garbage", octets=50, count=1, verb="+CSQ")
    assert garbage(faults, Random(1), "+CPIN") == b""
    stray = garbage(faults, Random(1), "+CSQ")
    assert len(stray) == 50
    assert not any(0x20 <= octet < 0x7F or octet in b"\r\n" for octet in stray)
    assert garbage(faults, Random(1), "+CSQ") == b""

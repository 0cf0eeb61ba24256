"""The wire trace: lines whole, secrets masked."""

from __future__ import annotations

import pytest

from airpost.clock import SystemClock
from airpost.model import Lane
from airpost.modem.trace import LEVEL, LINE_LIMIT, Trace, Way, redacted

PDU = "0791448720003023240DD0E474D81C0EBB010000111011315214000BE474D81C0EBB5DE3771B"


def trace() -> Trace:
    return Trace(Lane("gate-1"), SystemClock())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('AT+CPIN="1234"', "AT+CPIN=****"),
        ("AT+CPIN=1234", "AT+CPIN=****"),
        ('AT^CPIN="1234"', "AT^CPIN=****"),
        ("AT+CPIN2=1234", "AT+CPIN2=****"),
        ('AT+CLCK="SC",0,"1234"', 'AT+CLCK="SC",0,****'),
        ('AT+CPWD="SC","1234","8642"', 'AT+CPWD="SC",****'),
        ("AT+CPWD=SC,1234,8642", "AT+CPWD=SC,****"),
        ('+CUSD: 0,"Balance 12.50",15', '+CUSD: 0,"<17 characters>'),
        ('AT+CUSD=1,"*100#",15', 'AT+CUSD=1,"<9 characters>'),
        (PDU, f"<{len(PDU) // 2} octets>"),
        ('+CLIP: "+4915112345678",145', '+CLIP: "+49…78",145'),
        ("490154203237518", "490…18"),
        ("+CCID: 8986001234567890123F", "+CCID: <10 octets>"),
        ('+CREG: 2,1,"1A2B","00C0FFEE",7', '+CREG: 2,1,"1A2B","00C0FFEE",7'),
        ("+CMGS: 64", "+CMGS: 64"),
        ("AT+CMGS=153", "AT+CMGS=153"),
        ('+CCLK: "24/11/24,14:15:52+04"', '+CCLK: "24/11/24,14:15:52+04"'),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_lines_are_put_together_before_they_are_masked() -> None:
    ring = trace()
    for piece in (b'\r\n+CLIP: "+49151', b'12345678",145\r\n', b"\r\n> "):
        ring.received(piece)
    assert [(line.way, line.text) for line in ring.lines()] == [
        (Way.RECEIVED, '+CLIP: "+49…78",145'),
        (Way.RECEIVED, "> "),
    ]


def test_control_octets_are_shown_by_name() -> None:
    ring = trace()
    ring.sent(b"\x1b\r")
    ring.sent(b"AT\r")
    ring.sent(bytes.fromhex("001a"))
    assert [line.text for line in ring.lines()] == ["<ESC>", "AT", "<00><Ctrl-Z>"]


def test_the_ring_and_one_line_are_bounded() -> None:
    ring = Trace(Lane("gate-1"), SystemClock(), size=3)
    for n in range(5):
        ring.note(f"note {n}")
    assert [line.text for line in ring.lines()] == ["note 2", "note 3", "note 4"]
    ring.received(b"what began before\n" + b"x" * (LINE_LIMIT + 1))
    assert len(ring.lines()[-1].text) == LINE_LIMIT + 1


def test_a_piece_of_what_fell_out_of_the_ring_is_not_shown() -> None:
    ring = Trace(Lane("gate-1"), SystemClock(), size=2)
    for piece in (b'+CUSD: 0,"Your pin', b' is 1234"\r\n+CSQ', b": 9,99\r\n"):
        ring.received(piece)
    assert [line.text for line in ring.lines()] == ["+CSQ: 9,99"]


def test_the_logger_gets_the_same(caplog: pytest.LogCaptureFixture) -> None:
    ring = trace()
    with caplog.at_level(LEVEL, logger="airpost.trace.gate-1"):
        ring.sent(b'AT+CPIN="1234"\r')
        for piece in (b"\r\n+CNUM: ,", b'"+4915112345678"\r\nO', b"K\r\n"):
            ring.received(piece)
    assert caplog.messages == [">> AT+CPIN=****", '<< +CNUM: ,"+49…78"', "<< OK"]

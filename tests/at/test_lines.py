"""The receive buffer: lines in any cut, bounds, prompts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airpost.at.lines import BUFFER_LIMIT, LINE_LIMIT, LineBuffer


def lines_of(buffer: LineBuffer) -> list[str]:
    found = []
    while (line := buffer.next_line()) is not None:
        found.append(line)
    return found


def fed(*chunks: bytes) -> LineBuffer:
    buffer = LineBuffer()
    for chunk in chunks:
        buffer.feed(chunk)
    return buffer


def test_every_line_end_on_record() -> None:
    buffer = fed(b"\r\n+CSQ: 9,99\r\r\n\r\n\r\nOK\rA\nB\n\r\x00\xff\x00+CREG: 1\xff\r\n")
    assert lines_of(buffer) == ["+CSQ: 9,99", "OK", "A", "B", "+CREG: 1"]
    assert len(buffer) == 0


def test_a_line_without_its_end_waits() -> None:
    buffer = fed(b"+CMTI: ")
    assert lines_of(buffer) == []
    assert buffer.pending == "+CMTI:"
    buffer.feed(b'"SM",3\r')
    assert lines_of(buffer) == ['+CMTI: "SM",3']


def test_bytes_beyond_ascii_are_latin_1() -> None:
    assert lines_of(fed(b'+COPS: 0,0,"\xc9T\xc9"\r\n')) == ['+COPS: 0,0,"ÉTÉ"']


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_the_cut_does_not_matter(chunks: list[bytes]) -> None:
    piecemeal = LineBuffer()
    found = []
    for chunk in chunks:
        for octet in chunk:
            piecemeal.feed(bytes([octet]))
            found += lines_of(piecemeal)
    whole = fed(b"".join(chunks))
    assert lines_of(whole) == found
    assert whole.pending == piecemeal.pending


def test_a_prompt_needs_no_line_end() -> None:
    for text in (b"\r\n> ", b"\r\n>\r\n", b">", b"\n>", b"\x00\r\n>"):
        assert fed(text).take_prompt(), text
    for text in (b"", b"\r\n", b"\r\n+CMS ERROR: 500\r\n>"):
        assert not fed(text).take_prompt(), text


def test_what_follows_a_prompt_is_kept() -> None:
    buffer = fed(b"\r\n> \r\n+CMGS: 5\r\n")
    assert buffer.take_prompt()
    assert lines_of(buffer) == ["+CMGS: 5"]


def test_a_line_that_never_ends_is_dropped_and_counted() -> None:
    buffer = fed(b"x" * (LINE_LIMIT + 10))
    assert lines_of(buffer) == []
    assert (buffer.dropped, len(buffer)) == (LINE_LIMIT, 10)
    buffer.feed(b"\r\nOK\r\n")
    assert lines_of(buffer) == ["x" * 10, "OK"]


def test_memory_is_bounded() -> None:
    buffer = LineBuffer()
    for _ in range(3):
        buffer.feed(b"y" * BUFFER_LIMIT)
    assert len(buffer) == BUFFER_LIMIT
    assert buffer.dropped == 2 * BUFFER_LIMIT


def test_pending_and_clear() -> None:
    buffer = fed(b"half\xff")
    assert buffer.pending == "half"
    assert buffer.pending == "half"
    buffer.feed(b"more")
    buffer.clear()
    assert (len(buffer), buffer.pending) == (0, "")

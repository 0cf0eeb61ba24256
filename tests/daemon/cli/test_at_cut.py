"""Recordings cut into lines: whatever the order, whatever is missing."""

from __future__ import annotations

import pytest

from airpost.daemon.cli.at_cut import cut

PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"


def test_a_stream_is_cut_whatever_the_order() -> None:
    stream = (
        "^NWTIME: 18/03/09,12:36:21+4,00\r\nat+cmgr=1\r\r\n+CMGR: 1,,30\r\n"
        f'{PDU}\r\n\x00\xff\r\n\r\nOK\r\n\r\n+CMTI: "ME",1\r\n'
    )
    wire = cut(stream, "AT+CMGR=1\r")
    assert wire.lines == ("+CMGR: 1,,30", PDU)
    assert wire.unasked == ("^NWTIME: 18/03/09,12:36:21+4,00", '+CMTI: "ME",1')
    assert wire.echoed
    assert wire.final is not None
    assert wire.final.ok
    assert cut(stream, None) == wire.__class__(
        command="at+cmgr=1", echoed=True, lines=wire.lines, unasked=wire.unasked, final=wire.final
    )


def test_without_command_and_final_all_is_answer() -> None:
    wire = cut("\r\n+CREG: 3\r\n+CREG: 5\r\n", None)
    assert (wire.command, wire.echoed, wire.final) == (None, False, None)
    assert (wire.lines, wire.unasked) == (("+CREG: 3", "+CREG: 5"), ())


@pytest.mark.parametrize(("command", "ends"), [(None, True), ("AT+CSQ", False)])
def test_how_a_call_ends_is_an_end_only_where_nothing_was_asked(
    command: str | None, ends: bool
) -> None:
    assert (cut("\r\nNO CARRIER\r\n", command).final is not None) is ends


def test_the_makers_prefixes_belong_to_their_commands() -> None:
    wire = cut("#PCT: 3\r\n#STN: 1\r\nOK", "AT#PCT")
    assert (wire.lines, wire.unasked) == (("#PCT: 3",), ("#STN: 1",))

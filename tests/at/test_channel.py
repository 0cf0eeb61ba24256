"""The channel as dialogues: what we write, what the modem says, which events come out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.at import command as at
from airpost.at.channel import CR, Channel, State, final_of
from airpost.at.events import (
    Dropped,
    Event,
    FinalKind,
    Late,
    Noise,
    Reply,
    Resynced,
    Stuck,
    Urc,
    WriteNow,
)
from airpost.errors import LocalProtocolError

CMGS = at.send_pdu(18)
PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"


class Dialogue:
    """`says` feeds the modem's bytes and returns the events that come out, noise left out."""

    def __init__(self) -> None:
        self.channel = Channel()

    def sends(self, command: at.Command) -> Dialogue:
        assert self.channel.send(command) == command.text.encode() + CR
        return self

    def says(self, text: str | bytes) -> list[Event]:
        self.channel.receive_data(text.encode("latin-1") if isinstance(text, str) else text)
        return [each for each in drain(self.channel) if not isinstance(each, Noise)]

    def prompted(self, command: at.Command = CMGS) -> Dialogue:
        self.sends(command)
        assert self.says("\r\n> ") == [WriteNow(command=command)]
        return self

    def handed_over(self) -> Dialogue:
        self.prompted()
        assert self.channel.payload(b"00\x1a") == b"00\x1a"
        return self

    def given_up(self) -> Dialogue:
        self.handed_over()
        assert self.channel.abandon() == b""
        return self


def drain(channel: Channel) -> list[Event]:
    events = []
    while (event := channel.next_event()) is not None:
        events.append(event)
        if isinstance(event, Reply):
            channel.go_on()
    return events


def replies(events: Iterable[Event]) -> list[tuple[tuple[str, ...], str, int | None]]:
    return [(e.lines, e.final.kind.value, e.final.code) for e in events if isinstance(e, Reply)]


# -- commands and answers ------------------------------------------------------------------------
def test_an_answer_is_lines_and_a_final() -> None:
    talk = Dialogue().sends(at.SIGNAL)
    assert replies(talk.says("\r\n+CSQ: 9,99\r\n\r\nOK\r\n")) == [(("+CSQ: 9,99",), "OK", None)]
    assert talk.channel.state is State.IDLE


@pytest.mark.parametrize(
    "wire",
    [
        "AT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n",  # echo
        "AT+CSQ\rAT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n",  # echoed twice
        "+CSQ: 9,99\n\nOK\n",
        "\r\r\n+CSQ: 9,99\r\r\n\r\r\nOK\r\r\n",
        "\x00\x00\r\n+CSQ: 9,99\xff\r\n\r\nOK\r\n",
        "\xf1\x80\r\n+CSQ: 9,99\r\n\xe0OK\r\n",
        '+CMTI: "SM",1\r\nAT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n',
        "T+CS\r\n*EMRDY: 1\r\nQ\r\n+CSQ: 9,99\r\n\r\nOK\r\n",  # an echo torn by a line
    ],
)
def test_line_ends_echo_and_garbage_make_no_difference(wire: str) -> None:
    got = Dialogue().sends(at.SIGNAL).says(wire)
    assert replies(got) == [(("+CSQ: 9,99",), "OK", None)]


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        ("OK", "OK", None),
        ("ERROR", "ERROR", None),
        ("COMMAND NOT SUPPORT", "ERROR", None),
        ("TOO MANY PARAMETERS", "ERROR", None),
        ("MODEM ERROR: 4", "ERROR", None),
        ("+CME ERROR: 14", "CME", 14),
        ("+CMS ERROR:500", "CMS", 500),
        ("+CME ERROR: SIM busy", "CME", None),
    ],
)
def test_finals(line: str, kind: str, code: int | None) -> None:
    final = final_of(line)
    assert final is not None
    assert (final.kind.value, final.code) == (kind, code)


@pytest.mark.parametrize("line", ["OKAY", "+CSQ: 1,2", "NO CARRIER", "ERROR+CNUM: 1", "> "])
def test_what_is_no_final(line: str) -> None:
    assert final_of(line) is None


def test_error_glued_to_an_answer_is_an_answer() -> None:
    got = Dialogue().sends(at.OWN_NUMBER).says('\r\nERROR+CNUM: "","+4915",145\r\n\r\nOK\r\n')
    assert replies(got) == [(('+CNUM: "","+4915",145',), "OK", None)]


def test_words_of_identity_come_without_a_prefix() -> None:
    got = Dialogue().sends(at.IMEI).says("AT+CGSN\r\r\n356938035643809\r\n\r\nOK\r\n")
    assert replies(got) == [(("356938035643809",), "OK", None)]


def test_a_missing_final_may_be_assumed() -> None:
    talk = Dialogue().sends(at.PIN_STATE)
    with pytest.raises(LocalProtocolError):
        talk.channel.assume_ok()
    assert talk.says("\r\n+CPIN: READY\r\n") == []
    talk.channel.assume_ok()
    (reply,) = drain(talk.channel)
    assert isinstance(reply, Reply)
    assert reply.lines == ("+CPIN: READY",)
    assert reply.final.assumed


def test_registration_read_and_unsolicited_share_a_prefix() -> None:
    got = Dialogue().sends(at.REGISTRATION).says("\r\n+CREG: 1\r\n\r\n+CREG: 0,1\r\n\r\nOK\r\n")
    assert got[0] == Urc(prefix="+CREG", line="+CREG: 1")
    assert replies(got) == [(("+CREG: 0,1",), "OK", None)]


@pytest.mark.parametrize("line", ['+CREG: 5,"00C3","01A2",7', "+CREG: 2, 0001, 00000100, 7"])
def test_registration_with_a_place_is_unsolicited(line: str) -> None:
    assert Dialogue().sends(at.REGISTRATION).says(f"\r\n{line}\r\n") == [
        Urc(prefix="+CREG", line=line)
    ]


# -- unsolicited lines ---------------------------------------------------------------------------
def test_unsolicited_lines_go_anywhere() -> None:
    talk = Dialogue().sends(CMGS)
    prompt = talk.says('\r\n+ZDONR: "O2",262,7\r\n+ZPASR: "UMTS"\r\n\r\n> ')
    assert [type(each) for each in prompt] == [Urc, Urc, WriteNow]
    talk.channel.payload(b"00\x1a")
    got = talk.says('\r\n+CMTI: "SM",3\r\n\r\n+CMGS: 5\r\n\r\nOK\r\n\r\n+CMTI: "ME",1\r\n')
    assert [type(each) for each in got] == [Urc, Reply, Urc]
    assert replies(got) == [(("+CMGS: 5",), "OK", None)]


def test_a_message_comes_on_two_lines() -> None:
    talk = Dialogue()
    assert talk.says("\r\n+CDS: 25\r\n") == []
    assert talk.channel.half_open
    assert talk.says(f"\r\n\r\n{PDU}\r\n") == [Urc(prefix="+CDS", line="+CDS: 25", payload=PDU)]
    assert not talk.channel.half_open


def test_the_second_line_may_come_after_another_answer() -> None:
    talk = Dialogue().sends(at.SIGNAL)
    got = talk.says(f"\r\n+CMT: ,30\r\n\r\n+CSQ: 9,99\r\n\r\nOK\r\n{PDU}\r\n")
    assert got[-1] == Urc(prefix="+CMT", line="+CMT: ,30", payload=PDU)
    assert replies(got) == [(("+CSQ: 9,99",), "OK", None)]


def test_a_second_line_that_never_comes_is_given_up() -> None:
    talk = Dialogue()
    talk.says("\r\n+CDS: 25\r\n")
    talk.channel.give_up_half()
    assert drain(talk.channel) == [Urc(prefix="+CDS", line="+CDS: 25")]


def test_the_pdu_behind_a_read_belongs_to_the_read() -> None:
    talk = Dialogue()
    talk.says("\r\n+CDS: 25\r\n")
    got = talk.sends(at.read_message(1)).says(f"\r\n+CMGR: 1,,30\r\n{PDU}\r\n\r\nOK\r\n")
    assert got[0] == Urc(prefix="+CDS", line="+CDS: 25")
    assert replies(got) == [(("+CMGR: 1,,30", PDU), "OK", None)]


def test_ussd_text_over_several_lines() -> None:
    talk = Dialogue()
    assert talk.says('\r\n+CUSD: 1,"Bal: 5\r\nOK\r\nExp: 1.1.\r\n') == []
    assert talk.says('end",15\r\n') == [
        Urc(prefix="+CUSD", line='+CUSD: 1,"Bal: 5\nOK\nExp: 1.1.\nend",15')
    ]


def test_a_text_that_never_closes_does_not_swallow_a_final() -> None:
    talk = Dialogue().sends(at.SIGNAL)
    got = talk.says('\r\n+CUSD: 1,"Bal\r\n\r\nOK\r\n')
    assert got[0] == Urc(prefix="+CUSD", line='+CUSD: 1,"Bal')
    assert replies(got) == [((), "OK", None)]


# -- the prompt ----------------------------------------------------------------------------------
@pytest.mark.parametrize("prompt", ["\r\n> ", "\r\n>\r\n", "\n>", "AT+CMGS=18\r\r\n> "])
def test_a_prompt_needs_no_line_end(prompt: str) -> None:
    assert Dialogue().sends(CMGS).says(prompt) == [WriteNow(command=CMGS)]


def test_a_prompt_means_nothing_elsewhere() -> None:
    assert Dialogue().says("\r\n> \r\n") == []
    assert Dialogue().handed_over().says("\r\n> \r\n") == []


def test_an_error_instead_of_the_prompt() -> None:
    got = Dialogue().sends(CMGS).says("\r\n+CMS ERROR: 302\r\n")
    assert replies(got) == [((), "CMS", 302)]


def test_ok_without_a_reference() -> None:
    assert replies(Dialogue().handed_over().says("\r\nOK\r\n")) == [((), "OK", None)]


@pytest.mark.parametrize("again", [True, False])
def test_what_comes_behind_an_answer_waits_until_it_is_known_whose_that_was(again: bool) -> None:
    channel = Dialogue().handed_over().channel
    channel.receive_data(b"\r\n+CMGS: 4\r\n\r\nOK\r\n\r\n+CMGS: 5\r\n\r\nOK\r\n")
    assert isinstance(channel.next_event(), Reply)
    assert channel.next_event() is None
    if again:
        channel.again(CMGS)
        assert replies(drain(channel)) == [(("+CMGS: 5",), "OK", None)]
    else:
        channel.go_on()
        assert channel.next_event() == Urc(prefix="+CMGS", line="+CMGS: 5")


def test_a_probe_that_is_out_when_an_answer_came_is_out_all_the_same() -> None:
    talk = Dialogue().handed_over()
    talk.channel.probe()
    assert len(replies(talk.says("\r\n+CMGS: 4\r\n\r\nOK\r\n"))) == 1
    talk.channel.again(CMGS)
    assert talk.channel.probes == 1
    talk.says("\r\n+CMGS: 5\r\n")
    (reply,) = talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n")  # its own OK is lost
    assert isinstance(reply, Reply)
    talk.channel.again(CMGS)
    assert talk.channel.probes == 0


# -- giving up and getting back in step ----------------------------------------------------------
def test_escape_goes_out_only_while_the_prompt_may_be_open() -> None:
    assert Dialogue().sends(CMGS).channel.abandon() == b"\x1b"
    assert Dialogue().prompted().channel.abandon() == b"\x1b"
    assert Dialogue().handed_over().channel.abandon() == b""
    assert Dialogue().sends(at.SIGNAL).channel.abandon() == b""


SIX_ORDERS = [
    "\r\n+CMGS: 64\r\n\r\nOK\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n",
    '\r\n+CMTI: "SM",1\r\n\r\n+CMGS: 64\r\n\r\nOK\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n',
    '\r\n+CMGS: 64\r\n\r\n+CMTI: "SM",1\r\n\r\nOK\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n',
    "\r\n+CMGS: 64\r\n\r\nOK\r\nAT+CMEE?\r\r\n+CMEE: 1\r\n\r\nOK\r\n",
    '\r\n+CMGS: 64\r\n\r\nOK\r\n\r\n+CMEE: 1\r\n\r\n+CMTI: "SM",1\r\n\r\nOK\r\n',
    "\r\nERROR\r\n\r\n+CMGS: 64\r\n\r\nOK\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n",
]


@pytest.mark.parametrize("wire", SIX_ORDERS)
def test_a_late_reference_is_credited_to_its_own_command(wire: str) -> None:
    talk = Dialogue().given_up()
    assert talk.channel.probe() == b"\x1b\rAT+CMEE?\r"
    got = talk.says(wire)
    assert [each for each in got if not isinstance(each, Urc)] == [
        Late(command=CMGS, line="+CMGS: 64"),
        Resynced(),
    ]
    assert talk.channel.state is State.IDLE


def test_a_bare_ok_proves_nothing() -> None:
    talk = Dialogue().given_up()
    talk.channel.probe()
    assert talk.says("\r\nOK\r\n") == []
    assert talk.channel.state is State.DESYNC


def test_a_late_error_is_told() -> None:
    (late,) = Dialogue().given_up().says("\r\n+CMS ERROR: 38\r\n")
    assert isinstance(late, Late)
    assert late.final is not None
    assert (late.final.kind, late.final.code) == (FinalKind.CMS, 38)


def test_the_reference_may_come_when_we_are_in_step_again() -> None:
    talk = Dialogue().given_up()
    talk.channel.probe()
    assert talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n") == [Resynced()]
    talk.sends(at.SIGNAL)
    got = talk.says("\r\n+CMGS: 64\r\n\r\nOK\r\n\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
    assert got[0] == Late(command=CMGS, line="+CMGS: 64")
    assert replies(got) == [(("+CSQ: 9,99",), "OK", None)]


def test_a_late_reference_before_the_next_prompt_or_behind_the_next_message() -> None:
    """The next message has its own: what comes before its text was written is not that."""
    for before in (True, False):
        talk = Dialogue().given_up()
        talk.channel.probe()
        talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n")
        talk.sends(at.send_pdu(20))
        late = [Late(command=CMGS, line="+CMGS: 64")]
        if before:
            assert [e for e in talk.says("\r\n+CMGS: 64\r\n\r\nOK\r\n") if type(e) is Late] == late
        assert isinstance(talk.says("\r\n> ")[-1], WriteNow)
        talk.channel.payload(b"00")
        assert replies(talk.says("\r\n+CMGS: 65\r\n\r\nOK\r\n")) == [(("+CMGS: 65",), "OK", None)]
        if not before:
            assert [e for e in talk.says("\r\n+CMGS: 64\r\n\r\nOK\r\n") if type(e) is Late] == late
        assert talk.channel.state is State.IDLE


def test_the_answer_to_an_earlier_probe_ends_nothing() -> None:
    talk = Dialogue().given_up()
    talk.channel.probe()
    talk.channel.probe()
    assert talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n") == [Resynced()]
    talk.sends(at.SIGNAL)
    got = talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
    assert replies(got) == [(("+CSQ: 9,99",), "OK", None)]


def test_a_bare_ok_behind_what_others_asked_for_never_says_sent() -> None:
    talk = Dialogue().handed_over()
    (line,) = talk.says('\r\n+CPMS: "SM",3,30,"SM",3,30,"SM",3,30\r\n\r\nOK\r\n')
    assert isinstance(line, Urc)
    assert talk.channel.state is State.WAIT_SENT
    assert replies(talk.says("\r\n+CMGS: 7\r\n\r\nOK\r\n")) == [(("+CMGS: 7",), "OK", None)]


def test_what_others_asked_for_before_our_message_takes_nothing_from_its_answer() -> None:
    talk = Dialogue()
    talk.says('\r\n+COPS: 0,0,"operator",7\r\n\r\nOK\r\n')
    assert replies(talk.handed_over().says("\r\nOK\r\n")) == [((), "OK", None)]


def test_a_bare_ok_behind_what_a_modem_says_of_itself_is_its_own() -> None:
    talk = Dialogue().handed_over()
    assert replies(talk.says("\r\n^RSSI:18\r\n\r\n+CREG: 1\r\n\r\nOK\r\n")) == [((), "OK", None)]


def test_a_bare_ok_that_may_be_a_late_one_never_says_sent() -> None:
    talk = Dialogue().sends(at.SIGNAL)
    talk.channel.abandon()
    talk.channel.probe()
    assert talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n") == [Resynced()]
    talk.prompted()
    talk.channel.payload(b"00\x1a")
    assert talk.says("\r\nOK\r\n") == []
    assert replies(talk.says("\r\n+CMGS: 7\r\n\r\nOK\r\n")) == [(("+CMGS: 7",), "OK", None)]


def test_a_bare_ok_that_may_be_the_probes_never_says_sent() -> None:
    talk = Dialogue().handed_over()
    talk.channel.probe()
    assert replies(talk.says("\r\n+CE: 1\r\n\r\nOK\r\n")) == []  # the line has lost characters
    assert replies(talk.says("\r\n+CMGS: 7\r\n\r\nOK\r\n")) == [(("+CMGS: 7",), "OK", None)]


@pytest.mark.parametrize("probes", [1, 2])
def test_one_ok_more_than_there_were_probes_is_the_messages(probes: int) -> None:
    talk = Dialogue().handed_over()
    for _ in range(probes):
        talk.channel.probe()
    assert talk.says("\r\nOK\r\n") == []
    for _ in range(probes - 1):
        assert talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n") == []
    assert replies(talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n")) == [((), "OK", None)]


def test_garbage_alone_is_no_answer() -> None:
    got = Dialogue().sends(at.IMEI).says("\x80\x81\r\n356938035643809\r\n\r\nOK\r\n")
    assert replies(got) == [(("356938035643809",), "OK", None)]


# -- probing while the message is on the air -----------------------------------------------------
def test_the_reference_before_the_probes_answer_means_sent() -> None:
    talk = Dialogue().handed_over()
    assert talk.channel.probe() == b"AT+CMEE?\r"
    got = talk.says("\r\n+CMGS: 7\r\n\r\nOK\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n")
    assert replies(got) == [(("+CMGS: 7",), "OK", None)]
    assert talk.channel.state is State.IDLE


def test_the_probes_answer_alone_means_the_dialogue_was_dropped() -> None:
    talk = Dialogue().handed_over()
    talk.channel.probe()
    assert talk.says("\r\n+CMEE: 1\r\n\r\nOK\r\n") == [Dropped(command=CMGS)]
    assert talk.channel.state is State.IDLE
    assert talk.says("\r\n+CMGS: 7\r\n\r\nOK\r\n") == [Late(command=CMGS, line="+CMGS: 7")]


@pytest.mark.parametrize("busy", ["+CME ERROR: 515", "ERROR"])
def test_an_error_to_the_probe_means_still_busy(busy: str) -> None:
    talk = Dialogue().handed_over()
    talk.channel.probe()
    assert talk.says(f"\r\n{busy}\r\n") == []
    assert replies(talk.says("\r\n+CMGS: 7\r\n\r\nOK\r\n")) == [(("+CMGS: 7",), "OK", None)]


def test_the_dialogues_own_error_is_not_the_probes() -> None:
    talk = Dialogue().handed_over()
    talk.channel.probe()
    assert replies(talk.says("\r\n+CMS ERROR: 500\r\n")) == [((), "CMS", 500)]


def test_a_prompt_after_a_probe_means_the_text_was_not_taken() -> None:
    talk = Dialogue().handed_over()
    talk.channel.probe()
    assert talk.says("\r\n> ") == [Stuck(command=CMGS)]
    assert talk.channel.abandon() == b"\x1b"


# -- misuse --------------------------------------------------------------------------------------
def test_misuse_is_our_own_error() -> None:
    channel = Channel()
    for wrong in (channel.abandon, channel.probe, channel.assume_ok, lambda: channel.payload(b"")):
        with pytest.raises(LocalProtocolError):
            wrong()
    channel.send(at.AT)
    with pytest.raises(LocalProtocolError):
        channel.send(at.AT)
    with pytest.raises(LocalProtocolError):
        channel.probe()


def test_a_closed_channel_says_nothing() -> None:
    talk = Dialogue().sends(at.SIGNAL)
    talk.channel.close()
    assert talk.says("\r\nOK\r\n") == []
    with pytest.raises(LocalProtocolError):
        talk.channel.send(at.AT)


def test_memory_is_bounded() -> None:
    talk = Dialogue().sends(at.LIST_ALL)
    for _ in range(3):
        talk.says("+CMGL: 1,1,,30\r\n" * 4000)
    (reply,) = talk.says("OK\r\n")
    assert isinstance(reply, Reply)
    assert len(reply.lines) == 4096
    talk.says(b"x" * 3_000_000)
    assert len(talk.channel._buffer) < 10_000
    assert talk.channel.dropped > 2_900_000


# -- any cut of the same bytes -------------------------------------------------------------------
SCRIPTS = [
    ([at.SIGNAL], b"AT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n"),
    ([at.SIGNAL, CMGS],
     b'+CMTI: "SM",1\r\nAT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n\r\n+ZPASR: "U"\r\n\r\n> '
     b'\r\n+CDS: 25\r\n\r\n' + PDU.encode() + b"\r\n\r\n+CMGS: 5\r\n\r\nOK\r\n"),
    ([at.PIN_STATE, at.IMEI, at.read_message(3)],
     b"\r\n+CPIN: READY\r\n\r\nOK\r\n\x00356938035643809\r\n\r\nOK\r\n+CMGR: 1,,30\r\n"
     + PDU.encode() + b'\r\n+CUSD: 1,"a\r\nb",15\r\n\r\nOK\r\n'),
]  # fmt: skip


def run_script(commands: list[at.Command], chunks: Iterable[bytes]) -> list[Event]:
    """Feed the chunks; each reply sends the next command, each prompt the payload."""
    channel = Channel()
    waiting = list(commands)
    channel.send(waiting.pop(0))
    events: list[Event] = []
    for chunk in chunks:
        channel.receive_data(chunk)
        while (event := channel.next_event()) is not None:
            events.append(event)
            if isinstance(event, Reply):
                channel.go_on()
                if waiting:
                    channel.send(waiting.pop(0))
            if isinstance(event, WriteNow):
                channel.payload(b"00\x1a")
    return events


@pytest.mark.parametrize(("commands", "wire"), SCRIPTS)
def test_byte_by_byte_gives_the_same_events(commands: list[at.Command], wire: bytes) -> None:
    whole = run_script(commands, [wire])
    assert len([each for each in whole if isinstance(each, Reply)]) == len(commands)
    assert run_script(commands, [wire[at_ : at_ + 1] for at_ in range(len(wire))]) == whole


@given(st.sampled_from(SCRIPTS), st.lists(st.integers(0, 300), max_size=20))
def test_any_cut_gives_the_same_events(
    script: tuple[list[at.Command], bytes], cuts: list[int]
) -> None:
    commands, wire = script
    places = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    chunks = [wire[a:b] for a, b in pairwise(places)]
    assert run_script(commands, chunks) == run_script(commands, [wire])


PIECES = [b"\r\n", b"\r", b"> ", b"OK\r\n", b"ERROR\r\n", b"+CMGS: 7\r\n", b"+CMEE: 1\r\n",
          b"+CMS ERROR: 38\r\n", b"+CME ERROR: 515\r\n", b"+CDS: 25\r\n", b"+CMT: ,9\r\n",
          PDU.encode() + b"\r\n", b'+CUSD: 1,"x\r\n', b'y",15\r\n', b"+CREG: 1\r\n", b"\x00\xff",
          b"+CMGR: 1,,30\r\n", b"ERROR+CNUM: ,\r\n", b"RING\r\n", b"(", b'"', b","]  # fmt: skip
COMMANDS = [CMGS, at.SIGNAL, at.LIST_ALL, at.IMEI, at.PIN_STATE, at.REGISTRATION, at.OWN_NUMBER]


def storm(seed: int, steps: int) -> Channel:
    """Random bytes and pieces of answers against random moves of ours; nothing may be raised."""
    rng = Random(seed)
    channel = Channel()
    for _ in range(steps):
        if rng.random() < 0.3:
            channel.receive_data(rng.randbytes(rng.randrange(1, 20)))
        else:
            piece = rng.choice(PIECES)
            channel.receive_data(piece[: rng.randrange(1, len(piece) + 1)]
                                 if rng.random() < 0.2 else piece)  # fmt: skip
        for event in drain(channel):
            if isinstance(event, WriteNow) and rng.random() < 0.9 \
                    and channel.state is State.WAIT_SENT:  # fmt: skip
                channel.payload(b"00\x1a")
        if channel.state is State.IDLE and rng.random() < 0.7:
            channel.send(rng.choice(COMMANDS))
        elif channel.state is State.DESYNC or rng.random() < 0.02:
            move = channel.probe if rng.random() < 0.7 else channel.abandon
            try:
                move()
            except LocalProtocolError:
                pass  # not allowed here, and said so
    return channel


@pytest.mark.parametrize("seed", range(8))
def test_no_bytes_raise_anything(seed: int) -> None:
    channel = storm(seed, 3000)
    # Whatever happened, the channel can be brought back into step.
    drain(channel)
    channel.receive_data(b'\r\n"\r\n')
    channel.give_up_half()
    drain(channel)
    if channel.state not in (State.IDLE, State.DESYNC):
        channel.abandon()
    if channel.state is State.DESYNC:
        channel.probe()
        channel.receive_data(b"\r\n\r\n+CMEE: 1\r\nOK\r\n\r\n+CMEE: 1\r\nOK\r\n")
        drain(channel)
    assert channel.state is State.IDLE

"""Everything recorded from devices, played through the channel: nothing raises, nothing is lost.

The commands of a record are sent as it says, the answers are fed in whole, byte by byte and in
random pieces. Final results and lines are counted here by plain comparison, not by the parsers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from airpost.at import command as at
from airpost.at.channel import Channel, State
from airpost.at.command import Command
from airpost.at.events import Event, FinalKind, Noise, Reply, Resynced, Stuck, Urc, WriteNow
from airpost.at.urc import Kind, call, call_ended, kind_of
from tests.at.test_corpus import Json, rows
from tests.at.test_fuzz import OF_ONE_LINE, READERS

Cut = Callable[[bytes], Iterable[bytes]]

CTRL_Z, ESC = "\x1a", "\x1b"
PROBED = b"\r\n+CMEE: 1\r\n\r\nOK\r\n"
PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
PIECES = 5  # random ways to cut each record
FINAL = re.compile(r"OK|ERROR|COMMAND NOT SUPPORT|\+CM[ES] ERROR: .+")
WRITTEN_OUT = {"<pdu>": PDU, "<length>": "30", "<n>": "30", "<mr>": "7"}


def written_out(text: str) -> str:
    """Placeholders of a record as what they stand for."""
    for name, value in WRITTEN_OUT.items():
        text = text.replace(name, value)
    return text


# --- how bytes arrive -----------------------------------------------------------------------------


def whole(data: bytes) -> list[bytes]:
    return [data]


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def pieces(random: Random) -> Cut:
    def cut(data: bytes) -> Iterator[bytes]:
        rest = data
        while rest:
            size = random.randint(1, 9)
            yield rest[:size]
            rest = rest[size:]

    return cut


# --- the player -----------------------------------------------------------------------------------

PREPARED = {
    value.text: value
    for value in vars(at).values()
    if isinstance(value, Command) and value is not at.LIST_ALL
}


def command_of(text: str) -> Command:
    """The command a record sends, as the catalogue has it where it does."""
    if text in PREPARED:
        return PREPARED[text]
    if text.startswith(("AT+CMGS=", "AT+CMGW=")):
        return replace(at.send_pdu(30), text=text)
    if text.startswith(("AT+CMGR=", "AT+CMGL=")):
        prefix = text[2:7]
        return replace(at.read_message(1), text=text, answers=(prefix,))
    return at.raw(text, timeout_s=3.0)


class Player:
    """One record through one channel, its bytes cut one way."""

    def __init__(self, cut: Cut) -> None:
        self.channel = Channel()
        self.cut = cut
        self.events: list[Event] = []

    def hear(self, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode("latin-1", "replace")
        for piece in self.cut(data):
            self.channel.receive_data(piece)
            while (event := self.channel.next_event()) is not None:
                self.events.append(event)
                if isinstance(event, Reply):
                    self.channel.go_on()

    def send(self, text: str) -> None:
        if text.endswith(CTRL_Z):
            assert self.channel.payload(text.encode()) == text.encode()
            return
        if text == ESC:
            assert self.channel.abandon() == ESC.encode()
            return
        self.settle()
        command = command_of(text.rstrip("\r"))
        assert self.channel.send(command) == command.text.encode() + b"\r"

    def settle(self) -> None:
        """What the session does when a command got no final result before the next is due."""
        if self.channel.may_assume_ok:
            self.channel.assume_ok()
            self.hear(b"")
        elif self.channel.state is not State.IDLE:
            if self.channel.state is not State.DESYNC:
                self.channel.abandon()
            self.channel.probe()
            self.hear(PROBED)
            assert isinstance(self.events[-1], Resynced)

    def play(self, steps: Iterable[Json]) -> Player:
        for step in steps:
            if "send" in step:
                self.send(written_out(step["send"]))
            for said in (*step.get("recv", ()), *step.get("urc", ())):
                if isinstance(said, str):  # numbers are pauses
                    self.hear(written_out(said))
        return self

    @property
    def finals(self) -> list[str]:
        """Final results of commands, in the words of the modem; assumed ones left out."""
        return [
            f"+{each.final.kind.value} ERROR: {each.final.text}"
            if each.final.kind in (FinalKind.CME, FinalKind.CMS)
            else each.final.text or each.final.kind.value
            for each in self.events
            if isinstance(each, Reply) and not each.final.assumed
        ]

    @property
    def lines(self) -> Counter[str]:
        """Every line that came out, wherever it ended up."""
        out: list[str] = []
        for event in self.events:
            match event:
                case Reply(lines=lines):
                    out += lines
                case Urc(line=line, payload=payload):
                    out += [line] if payload is None else [line, payload]
                case Noise(line=line) if line != ">":
                    out.append(line)
        return Counter(out)


def lines_in(texts: Iterable[str]) -> list[str]:
    """The lines of a stream without line ends, blanks and prompts."""
    stream = re.sub(r"(?:^|(?<=[\r\n]))> ?", "", "".join(texts))
    return [line.strip() for line in re.split(r"[\r\n]+", stream) if line.strip()]


def heard(steps: Iterable[Json]) -> list[str]:
    said = (each for step in steps for each in (*step.get("recv", ()), *step.get("urc", ())))
    return [written_out(each) for each in said if isinstance(each, str)]


def played_every_way(steps: list[Json], seed: str) -> Player:
    """Played whole; AssertionError when another cut of the bytes gives other events."""
    random = Random(seed)
    player = Player(whole).play(steps)
    for cut in (bytewise, *(pieces(random) for _ in range(PIECES))):
        assert Player(cut).play(steps).events == player.events, seed
    return player


def read_everything(player: Player) -> None:
    """Every parser on every answer, and on every line that came unasked."""
    for event in player.events:
        lines = event.lines if isinstance(event, Reply) else ()
        for reader in READERS:
            reader(lines)
        for line in (*lines, *([event.line] if isinstance(event, Urc | Noise) else [])):
            for of_line in OF_ONE_LINE:
                of_line(line)


def accounted(player: Player, steps: list[Json], identity: str) -> None:
    """Every final result ended a command, every other line came out once."""
    said = lines_in(heard(steps))
    finals = [line for line in said if FINAL.fullmatch(line)]
    assert player.finals == finals, identity
    lost = Counter(said) - Counter(finals) - player.lines
    assert not lost, (identity, lost)
    for event in player.events:
        assert not isinstance(event, Reply) or event.command.text not in event.lines, identity
    read_everything(player)


# --- the recordings -------------------------------------------------------------------------------


def faithful(corpus: Path, name: str, kind: str) -> list[Json]:
    return [
        row
        for row in rows(corpus, name)
        if row["kind"] == kind and row["fidelity"] in ("bytes", "lines")
    ]


def as_steps(row: Json) -> list[Json]:
    """A command with its answer; AT where the record does not tell which."""
    steps: list[Json] = [
        {"send": row.get("command") or "AT\r"},
        {"recv": [*row["response"], "\r\n"]},  # the recorder may have dropped the last line end
    ]
    return steps


def ended(player: Player, steps: list[Json]) -> Player:
    """`player` with the final result that the recorder, or the modem, left out."""
    if not player.finals:
        if not player.channel.may_assume_ok:
            steps.append({"recv": ["\r\nOK\r\n"]})
            player.hear(b"\r\nOK\r\n")
        player.settle()
    return player


def test_exchanges(corpus: Path) -> None:
    records = faithful(corpus, "exchanges.jsonl", "exchange")
    for row in records:
        player = played_every_way(row["steps"], row["id"])
        accounted(player, row["steps"], row["id"])
        prompts = sum(isinstance(event, WriteNow) for event in player.events)
        payloads = sum(step.get("send", "").endswith(CTRL_Z) for step in row["steps"])
        assert prompts == payloads, row["id"]
        assert not any(isinstance(event, Stuck) for event in player.events)
    assert len(records) > 15


def test_exchanges_with_gaps_do_no_harm(corpus: Path) -> None:
    """Records that are not literal: where bytes are left out, nothing is promised but peace."""
    records = [row for row in rows(corpus, "exchanges.jsonl") if row["fidelity"] == "text"]
    for row in records:
        steps = [step for step in row["steps"] if step.get("send", CTRL_Z)[-1] in "\r\x1a\x1b"]
        played_every_way([step for step in steps if step.get("send") != "line one\r"], row["id"])
    assert records


def test_responses(corpus: Path) -> None:
    records = faithful(corpus, "responses.jsonl", "response")
    for row in records:
        steps = as_steps(row)
        player = ended(played_every_way(steps, row["id"]), steps)
        accounted(player, steps, row["id"])
        assert sum(isinstance(event, Reply) for event in player.events) == 1, row["id"]
    assert len(records) > 120


def test_vectors_as_answers(corpus: Path) -> None:
    records = faithful(corpus, "parse-vectors.jsonl", "parse")
    for row in records:
        echo = re.match(r"AT\+\S+", "".join(row["response"]))
        steps = as_steps(row | {"command": echo[0]} if echo else row)
        player = ended(played_every_way(steps, row["id"]), steps)
        accounted(player, steps, row["id"])
        assert sum(isinstance(event, Reply) for event in player.events) == 1, row["id"]
    assert len(records) > 200


# --- unsolicited ----------------------------------------------------------------------------------


def unasked(corpus: Path) -> list[tuple[str, str]]:
    """(id, stream); records with placeholders too, for these are written out."""
    records = [row for row in rows(corpus, "urc.jsonl") if row["kind"] == "urc"]
    return [(row["id"], written_out("".join(row["response"]))) for row in records]


def expected_urcs(stream: str) -> list[Urc]:
    """Line by line, with the PDU behind its header."""
    out: list[Urc] = []
    for line in lines_in([stream]):
        if line == PDU:
            out[-1] = replace(out[-1], payload=PDU)
        else:
            name = re.match(r"[^:,]+", line)
            assert name
            out.append(Urc(prefix=name[0].upper(), line=line))
    return out


def test_unsolicited_lines_of_a_quiet_modem(corpus: Path) -> None:
    for identity, stream in unasked(corpus):
        player = played_every_way([{"urc": [stream]}], identity)
        found = [event for event in player.events if isinstance(event, Urc)]
        wanted = expected_urcs(stream)
        assert [(each.line, each.payload) for each in found] == [
            (each.line, each.payload) for each in wanted
        ], identity
        for each, other in zip(found, wanted, strict=True):
            assert other.prefix.startswith(each.prefix), identity
            assert kind_of(each.line) is not None, identity
        assert len(player.events) == len(found), identity


def test_the_caller_is_known(corpus: Path) -> None:
    callers = 0
    for identity, stream in unasked(corpus):
        calls = [told for line in lines_in([stream]) if (told := call(line))]
        if "+CRING" in stream:
            assert [each.number for each in calls] == [None, "+27820000000"], identity
            callers += 1
        else:
            assert calls == [], identity
        assert not any(call_ended(line) for line in lines_in([stream]))
    assert callers == 3


def test_how_recorded_calls_end(corpus: Path) -> None:
    steps = [
        (step["event"], line)
        for row in rows(corpus, "exchanges.jsonl")
        for step in row["steps"]
        if "event" in step
        for line in lines_in(text for text in step.get("urc", ()) if isinstance(text, str))
    ]
    calls = [(event, line) for event, line in steps if kind_of(line) is Kind.CALL]
    over = {event for event, line in calls if call_ended(line)}
    assert over == {"remote side hangs up", "alternative: remote side rejects"}
    assert {event for event, _ in calls} - over == {
        "network starts the call",
        "remote side answers",
    }


# Where a line may come in the middle of a dialogue: the steps, with None in its place.
DIALOGUES: dict[str, list[Json | None]] = {
    "before the echo": [
        {"send": "AT+CPMS?\r"}, None,
        {"recv": ['AT+CPMS?\r\r\n+CPMS: "SM",1,20,"SM",1,20,"SM",1,20\r\n\r\nOK\r\n']},
    ],
    "between echo and answer": [
        {"send": "AT+CSCA?\r"}, {"recv": ["AT+CSCA?\r\r\n"]}, None,
        {"recv": ['\r\n+CSCA: "+27820000000",145\r\n\r\nOK\r\n']},
    ],
    "between answer and OK": [
        {"send": "AT+CGMM\r"}, {"recv": ["\r\nE1550\r\n"]}, None, {"recv": ["\r\nOK\r\n"]},
    ],
    "before the prompt": [
        {"send": "AT+CMGS=30\r"}, None, {"recv": ["\r\n> "]},
        {"send": f"{PDU}\x1a"}, {"recv": ["\r\n+CMGS: 5\r\n\r\nOK\r\n"]},
    ],
    "between PDU and reference": [
        {"send": "AT+CMGS=30\r"}, {"recv": ["\r\n> "]}, {"send": f"{PDU}\x1a"}, None,
        {"recv": ["\r\n+CMGS: 5\r\n\r\nOK\r\n"]},
    ],
    "between reference and OK": [
        {"send": "AT+CMGS=30\r"}, {"recv": ["\r\n> "]}, {"send": f"{PDU}\x1a"},
        {"recv": ["\r\n+CMGS: 5\r\n"]}, None, {"recv": ["\r\nOK\r\n"]},
    ],
    "glued to OK": [{"send": "ATE0\r"}, {"recv": ["\r\nOK\r\n"]}, None],
}  # fmt: skip


@pytest.mark.parametrize("place", DIALOGUES)
def test_unsolicited_lines_in_the_middle(corpus: Path, place: str) -> None:
    for identity, stream in unasked(corpus):
        with_it = [step or {"urc": [stream]} for step in DIALOGUES[place]]
        player = played_every_way(with_it, f"{identity} {place}")
        undisturbed = Player(whole).play(step for step in DIALOGUES[place] if step)
        assert [e for e in player.events if isinstance(e, Reply | WriteNow)] == [
            e for e in undisturbed.events if isinstance(e, Reply | WriteNow)
        ], identity
        alone = Player(whole).play([{"urc": [stream]}])
        assert [e for e in player.events if isinstance(e, Urc)] == alone.events, identity

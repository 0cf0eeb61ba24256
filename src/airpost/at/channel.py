"""The state machine of one AT port: bytes in, events out, commands as bytes to write.

Pure, sans-I/O: `receive_data()` stores, `next_event()` gives one event or None. Time belongs to the
session: it calls `abandon()` when a limit has passed, and from then on the line is DESYNC until the
probe's own answer came, because a bare OK may be the late one of the command that was given up.
"""

from __future__ import annotations

import re
from collections import deque
from enum import Enum

from airpost.at import urc
from airpost.at.command import ANSWERS, PROBE, Command
from airpost.at.events import (
    Dropped,
    Event,
    Final,
    FinalKind,
    Late,
    Noise,
    Reply,
    Resynced,
    Stuck,
    Urc,
    WriteNow,
)
from airpost.at.grammar import fields_of, split_prefix
from airpost.at.lines import LineBuffer
from airpost.errors import LocalProtocolError

CR = b"\r"
ESC = b"\x1b"
CTRL_Z = b"\x1a"
LINES_LIMIT = 4096  # of one answer: AT+CMGL of the largest store on record (300) has 600
TEXT_LIMIT = 4096  # characters of a +CUSD over several lines; 182 is the most one can hold

_ERROR_CODE = re.compile(r"\+(CM[ES]) ERROR ?: ?(.*)", re.IGNORECASE)
# Plain errors, and the makers' own words for one.
_ERRORS = ("ERROR", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS", "NA")
_MAKERS_ERROR = re.compile(r"MODEM ERROR ?: ?(.*)", re.IGNORECASE)
_GARBAGE = "".join(map(chr, (*range(32), *range(127, 256))))
_SHORT_NUMBER = re.compile(r"[0-9]{1,3}")


class State(Enum):
    """What the next line may be."""

    __hash__ = object.__hash__  # Enum's own is Python

    IDLE = "idle"
    WAIT_FINAL = "wait_final"
    WAIT_PROMPT = "wait_prompt"
    WAIT_SENT = "wait_sent"
    DESYNC = "desync"
    CLOSED = "closed"


WAITING = (State.WAIT_FINAL, State.WAIT_PROMPT, State.WAIT_SENT)
_OK = Final(kind=FinalKind.OK)


def final_of(line: str) -> Final | None:
    """The final result code a line is, or None (TS 27.007 4.1, TS 27.005 3.2.5)."""
    upper = line.upper()
    if upper == "OK":
        return _OK
    if upper in _ERRORS:
        return Final(kind=FinalKind.ERROR, text=line)
    if "ERROR" not in upper:
        return None
    if found := _ERROR_CODE.match(line):
        said = found[2].strip().strip('"')
        code = int(said) if said.isascii() and said.isdigit() and len(said) <= 5 else None
        return Final(kind=FinalKind(found[1].upper()), code=code, text=said)
    if found := _MAKERS_ERROR.match(line):
        return Final(kind=FinalKind.ERROR, text=line)
    return None


class Channel:
    """One port's dialogue; a new one for each opening. Only `next_event()` looks at what came."""

    def __init__(self) -> None:
        self.state = State.IDLE
        self._buffer = LineBuffer()
        self._command: Command | None = None
        self._lines: list[str] = []
        self._written = False  # the payload went out: from now on ESC could cut what is sent
        self._typed = PROBE.text  # that payload, as some modems say it again
        self._given_up: Command | None = None  # whose answer may still come late
        self._owed = 0  # finals of commands given up that have not come
        self.probes = 0  # written and not yet answered
        self._unanswered = 0  # the same when the last reply came
        self._probed = False  # the probe's information line came; its final is next
        self._foreign = False  # a late reference came; the next final belongs to it
        self._bare = 0  # OKs without a reference that came while probes were out
        self._others = False  # an answer came that was not asked for here; so may the next OK
        self._header: str | None = None  # +CMT, +CDS or +CBM whose PDU has not come yet
        self._text: str | None = None  # +CUSD whose quotes are still open
        self._ready: deque[Event] = deque()
        self._held = False  # the reply to a message came: whose it is decides what the rest is

    # -- what the session does -------------------------------------------------------------------
    def send(self, command: Command) -> bytes:
        """Begin `command`; the bytes to write. LocalProtocolError unless IDLE."""
        if self.state is not State.IDLE:
            raise LocalProtocolError(f"a command while {self.state.value}")
        self.state = State.WAIT_PROMPT if command.prompts else State.WAIT_FINAL
        self._command = command
        self._lines = []
        self._written = False
        return command.text.encode("ascii") + CR

    def payload(self, octets: bytes) -> bytes:
        """The payload was asked for by WriteNow: the bytes to write, once."""
        if self.state is not State.WAIT_SENT or self._written:
            raise LocalProtocolError(f"a payload while {self.state.value}")
        self._written = True
        self._typed = octets.rstrip(CTRL_Z).decode("ascii", "replace").upper()
        return octets

    def again(self, command: Command) -> None:
        """The reply that came was an earlier message's: `command` goes on waiting for its own."""
        self._held = False
        if self.state is State.CLOSED:
            return
        if self.state is not State.IDLE or not command.prompts:
            raise LocalProtocolError(f"to wait again while {self.state.value}")
        self.state, self._command, self._written = State.WAIT_SENT, command, True
        self.probes = self._unanswered

    def go_on(self) -> bool:
        """The dialogue is over: what came behind its reply is nobody's, or a late one.

        True where something came, and is to be asked for.
        """
        self._held = False
        return bool(self._ready or self._buffer)

    def probe(self) -> bytes:
        """Ask something with an answer of its own: in DESYNC, or after the payload.

        In DESYNC an ESC goes first: a prompt that is still open swallows every command.
        """
        if self.state is State.DESYNC:
            self.probes += 1
            return ESC + CR + PROBE.text.encode("ascii") + CR
        if self.state is State.WAIT_SENT and self._written:
            self.probes += 1
            return PROBE.text.encode("ascii") + CR
        raise LocalProtocolError(f"a probe while {self.state.value}")

    def abandon(self) -> bytes:
        """Give the command up; the bytes to write now, ESC where the prompt may be open."""
        if self.state not in WAITING:
            raise LocalProtocolError(f"nothing to give up while {self.state.value}")
        open_prompt = self.state is State.WAIT_PROMPT or (
            self.state is State.WAIT_SENT and not self._written
        )
        self._given_up = self._command
        self._owed += 1
        self._forget(State.DESYNC)
        return ESC if open_prompt else b""

    @property
    def may_assume_ok(self) -> bool:
        """True when the answer is there and the modem may be one that says no OK to it."""
        return self._command is not None and self._command.final_optional and bool(self._lines)

    def assume_ok(self) -> None:
        """The final result of a command that some modems end without one: taken as OK."""
        command = self._command
        if command is None or not self.may_assume_ok:
            raise LocalProtocolError("this command ends with a final result")
        self._end(command, Final(kind=FinalKind.OK, assumed=True))

    @property
    def half_open(self) -> bool:
        """True while the rest of an unsolicited message is awaited."""
        return self._header is not None or self._text is not None

    def give_up_half(self) -> None:
        """The rest of an unsolicited message did not come: pass on what there is."""
        self._flush_header()
        self._flush_text()

    def close(self) -> None:
        """The port is gone; nothing comes any more."""
        self._forget(State.CLOSED)
        self._held = False
        self._buffer.clear()
        self._ready.clear()

    def receive_data(self, data: bytes) -> None:
        """Keep what came."""
        if self.state is not State.CLOSED:
            self._buffer.feed(data)

    @property
    def dropped(self) -> int:
        """Octets that were thrown away because no line is that long."""
        return self._buffer.dropped

    def next_event(self) -> Event | None:
        """The next event; None when more bytes are needed.

        None too behind the reply to a message until `again()` or `go_on()`: two answers may come in
        one piece, and the second one is this message's if the first was not.
        """
        while True:
            if self._ready:
                return self._ready.popleft()
            if self._held:
                return None
            if self._prompt_may_come() and self._buffer.take_prompt():
                self._prompted()
                continue
            line = self._buffer.next_line()
            if line is None:
                return None
            self._take(line)

    # -- prompts ---------------------------------------------------------------------------------
    def _prompt_may_come(self) -> bool:
        # After the payload a prompt means something only when a probe has ended a line.
        return self.state is State.WAIT_PROMPT or (
            self.probes > 0 and self.state in (State.WAIT_SENT, State.DESYNC)
        )

    def _prompted(self) -> None:
        command = self._command
        if self.state is State.WAIT_PROMPT and command is not None:
            self.state = State.WAIT_SENT
            self._ready.append(WriteNow(command=command))
        elif self.state is State.WAIT_SENT and command is not None:
            self._written = False  # so that giving up writes ESC
            self._ready.append(Stuck(command=command))
        else:
            self._ready.append(Noise(line=">"))

    # -- lines -----------------------------------------------------------------------------------
    def _take(self, line: str) -> None:
        clean = line.lstrip(_GARBAGE)
        final = final_of(clean)
        if self._text is not None and (final is None or self.state not in WAITING):
            self._more_text(line)
        elif not clean:
            self._ready.append(Noise(line=line))
        elif self._header is not None and urc.looks_like_pdu(clean):
            header, self._header = self._header, None
            self._ready.append(Urc(prefix=split_prefix(header)[0], line=header, payload=clean))
        elif final is not None:
            if self._text is not None:
                self._flush_text()
            self._take_final(clean, final)
        elif self._is_echo(clean):
            self._ready.append(Noise(line=line, ours=True))
        else:
            self._take_information(line, clean)

    def _is_echo(self, line: str) -> bool:
        upper = line.upper()
        if upper in (PROBE.text, self._typed):
            return True
        command = self._command or self._given_up
        return command is not None and upper == command.text.upper()

    def _take_information(self, line: str, clean: str) -> None:
        prefix, rest = split_prefix(clean)
        if prefix == "+CMEE" and not self._asks_for(prefix):
            self._probed = True
            self._ready.append(Noise(line=line, ours=True))
            return
        answer = clean
        if not prefix and clean.upper().startswith("ERROR+"):
            answer = clean[5:]
            prefix, rest = split_prefix(answer)
        if self._is_answer(prefix, rest):
            self._collect(answer)
        elif self._is_late(clean):
            assert self._given_up is not None
            self._foreign = self.state in WAITING
            self._ready.append(Late(command=self._given_up, line=clean))
        elif self._belongs(clean):
            self._collect(clean)
        else:
            self._unsolicited(line, clean)

    def _collect(self, line: str) -> None:
        command = self._command
        assert command is not None
        if command.continued and self._is_answer(*split_prefix(line)):
            self._flush_header()
        if len(self._lines) < LINES_LIMIT:
            self._lines.append(line)

    def _asks_for(self, prefix: str) -> bool:
        return self._command is not None and prefix in self._command.answers

    def _is_answer(self, prefix: str, rest: str) -> bool:
        """True for an information line of the command that waits."""
        if self.state not in WAITING or self._command is None:
            return False
        if not prefix or prefix not in self._command.answers:
            return False
        if self._command.prompts and not self._written:
            return False  # a reference before the text was written is that of an earlier one
        if not self._command.read_form:
            return True
        # `<n>,<stat>…` answers; unsolicited is `<stat>[,<lac>,…]` (TS 27.007 7.2).
        fields = fields_of(rest)
        return len(fields) > 1 and _SHORT_NUMBER.fullmatch(fields[1].text) is not None

    def _belongs(self, line: str) -> bool:
        """True for a line without a prefix that is part of the answer."""
        if self.state not in WAITING or self._command is None:
            return False
        if self._command.bare:
            return urc.prefix_of(line) is None
        return self._command.continued and bool(self._lines) and urc.prefix_of(line) is None

    def _is_late(self, line: str) -> bool:
        command = self._given_up
        return command is not None and split_prefix(line)[0] in command.answers

    def _unsolicited(self, line: str, clean: str) -> None:
        prefix = urc.prefix_of(clean)
        if prefix is None:
            self._ready.append(Noise(line=line))
        elif urc.has_pdu(prefix, clean):
            self._flush_header()
            self._header = clean
        elif prefix in urc.WITH_LONG_TEXT and urc.text_is_open(clean):
            self._flush_text()
            self._text = clean
        else:
            self._others = self._others or (prefix in ANSWERS and urc.kind_of(clean) is None)
            self._ready.append(Urc(prefix=prefix, line=clean))

    def _more_text(self, line: str) -> None:
        assert self._text is not None
        self._text += "\n" + line
        if not urc.text_is_open(self._text) or len(self._text) > TEXT_LIMIT:
            self._flush_text()

    def _flush_text(self) -> None:
        if self._text is not None:
            text, self._text = self._text, None
            self._ready.append(Urc(prefix=split_prefix(text)[0], line=text))

    def _flush_header(self) -> None:
        if self._header is not None:
            header, self._header = self._header, None
            self._ready.append(Urc(prefix=split_prefix(header)[0], line=header))

    # -- final results ---------------------------------------------------------------------------
    def _take_final(self, line: str, final: Final) -> None:
        command = self._command
        if self._foreign:
            self._foreign = False
            self._paid(line)
        elif self._probed:
            self._probe_answered(line, final)
        elif self.state is State.DESYNC:
            self._desynced_final(line, final)
        elif command is None:
            self._others = False
            self._paid(line)
        elif self._written and final.ok and not self._lines and self._may_be_anothers:
            self._bare += self._owed == 0 and not self._others
            self._others = False
            self._paid(line)  # it says "sent" only where all the others have come too
        elif self._written and self.probes and final.kind in (FinalKind.CME, FinalKind.ERROR):
            self.probes -= 1  # "busy" to the probe; the dialogue's own errors are CMS
            self._ready.append(Noise(line=line))
        else:
            self._end(command, final)

    @property
    def _may_be_anothers(self) -> bool:
        """True where a bare OK may be a late one, that of a probe, or one to somebody else."""
        return self._owed > 0 or self.probes > 0 or self._others

    def _paid(self, line: str) -> None:
        """A final that nobody waits for any more."""
        self._owed = max(0, self._owed - 1)
        self._ready.append(Noise(line=line))

    def _desynced_final(self, line: str, final: Final) -> None:
        command = self._given_up
        if command is not None and command.prompts and final.kind is FinalKind.CMS:
            self._given_up = None
            self._owed = max(0, self._owed - 1)
            self._ready.append(Late(command=command, final=final))
        else:
            self._paid(line)

    def _probe_answered(self, line: str, final: Final) -> None:
        """A final behind the probe's own line: it proves where we are."""
        self._probed = False
        ours = self.probes > 0
        self.probes = max(0, self.probes - 1)
        command = self._command
        if not final.ok or not ours:
            self._ready.append(Noise(line=line))
        elif self.state is State.DESYNC:
            self._forget(State.IDLE)
            # Only a reference can be told from unsolicited lines when it comes even later.
            if self._given_up is not None and not self._given_up.prompts:
                self._given_up = None
            self._ready.append(Resynced())
        elif self.state is State.WAIT_SENT and self._written and command is not None:
            if not self._lines and 0 < self._bare <= self.probes:  # may be those of other probes
                self._ready.append(Noise(line=line, ours=True))
                return
            self._given_up = command
            if self._lines or self._bare:  # the reference came and no OK, or one OK too many
                self._end(command, final)
            else:
                self._forget(State.IDLE)
                self._ready.append(Dropped(command=command))
        else:
            self._ready.append(Noise(line=line))

    def _end(self, command: Command, final: Final) -> None:
        lines = tuple(self._lines)
        self._unanswered = self.probes
        self._forget(State.IDLE)
        self._held = command.prompts
        self._ready.append(Reply(command=command, lines=lines, final=final))

    def _forget(self, state: State) -> None:
        self.state = state
        self._command = None
        self._lines = []
        self._written, self._bare = False, 0
        self._probed = self._foreign = self._others = False
        if state is not State.DESYNC:
            self.probes = 0

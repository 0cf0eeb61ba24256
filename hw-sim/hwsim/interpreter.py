"""Bytes from the host in, answers out: V.250 line discipline, the prompt, and the answers' faults.

Commands are in `dispatch`. Stdlib only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING

from hwsim.answering import framed, garbage, line_of_its_own
from hwsim.dispatch import answered
from hwsim.faults import Fault, Faults
from hwsim.grammar import Refused, parse_line
from hwsim.transcript import Turn

if TYPE_CHECKING:
    from hwsim.modem import SimModem

CTRL_Z, ESC, CR, LF = 0x1A, 0x1B, 0x0D, 0x0A
INPUT_OCTETS = 65_536  # kept while a command runs
LINE_OCTETS = 4096  # longer lines and texts are dropped
IMEI_COMMANDS = ("+CGSN", "+GSN")


INVALID_PDU = ("CMS", 304)  # what it cannot even read, it does not send


class State(Enum):
    """What the next byte means."""

    LINE = "line"  # part of a command
    RUNNING = "running"  # kept until the command has ended
    PROMPT = "prompt"  # text up to Ctrl-Z or ESC


class Interpreter:
    """One AT port of a modem: `emit` sends, `faults` are the port's own.

    `imei_told` since the port was opened; `inside` stands between +CMGS and its OK.
    """

    def __init__(self, modem: SimModem, emit: Callable[[bytes], None], faults: Faults) -> None:
        self.state = State.LINE
        self.imei_told = False
        self.inside = b""
        self._modem = modem
        self._emit = emit
        self._faults = faults
        self._input = bytearray()
        self._line = bytearray()
        self._text = bytearray()
        self._typed: Callable[[str], None] | None = None
        self._verb = ""
        self._stuck = False
        self._gone: Fault | None = None
        self._line_begun = self._echoing = self._doubled = False
        self._echo_held = bytearray()
        self._pumping = False
        self._replay: deque[Turn] = deque()

    def restart(self) -> None:
        """As after power-up: nothing half-done is remembered."""
        self.state = State.LINE
        self.inside = b""
        self._input.clear()
        self._line.clear()
        self._text.clear()
        self._echo_held.clear()
        self._typed = self._gone = None
        self._stuck = self._line_begun = self._doubled = False
        self._replay.clear()

    def feed(self, data: bytes) -> None:
        """Take what the host wrote; what is too much for the buffer is lost."""
        self._input += data[: INPUT_OCTETS - len(self._input)]
        self._pump()

    def replay(self, turns: Iterable[Turn]) -> None:
        """Answer what these turns wait for as they say, and all else as ever."""
        self._replay = deque(turns)

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._input and self.state is not State.RUNNING:
                if self.state is State.PROMPT:
                    self._prompt_input()
                else:
                    self._line_input()
        finally:
            self._pumping = False

    # A line

    def _line_input(self) -> None:
        end = self._input.find(CR)
        chunk = bytes(self._input if end < 0 else self._input[: end + 1])
        del self._input[: len(chunk)]
        if not self._line_begun and chunk.strip(b"\r\n\x1b\x1a"):
            self._line_begun = True
            self._begin_line()
        self._echo_line(chunk)
        for octet in chunk:
            if octet == ESC:
                self._line.clear()
                self._modem.records.given_up()
            elif octet == 0x08:
                del self._line[-1:]
            elif octet not in (LF, CTRL_Z, CR, 0):
                self._line.append(octet)
        if len(self._line) > LINE_OCTETS:
            self._line.clear()
        if end >= 0:
            line = self._line.decode("latin-1").strip()
            self._line.clear()
            self._line_begun = False
            if line:
                self._run(line)

    def _begin_line(self) -> None:
        early = self._faults.take("urc_before_echo")
        if early is not None:
            self._emit(line_of_its_own(early.words("line")))
        if self._faults.take("echo_flips"):
            self._echoing = self._modem.rng.random() < 0.5

    def _echo_line(self, chunk: bytes) -> None:
        """The echo of a line; a fault about all of it holds it back to the end."""
        if self._faults.get("split_echo") is None and self._faults.get("doubled") is None:
            self._echo(chunk)
            return
        self._echo_held += chunk.replace(b"\x1b", b"").replace(b"\n", b"")
        if not chunk.endswith(b"\r"):
            return
        line = bytes(self._echo_held)
        self._echo_held.clear()
        split = self._faults.take("split_echo")
        if split is not None:
            half = len(line) // 2
            out = line[1:half] + line_of_its_own(split.words("line")) + line[half:]
        else:
            self._doubled = self._faults.take("doubled") is not None
            out = line * 2 if self._doubled else b""
        self._emit(out)

    def _echo(self, data: bytes) -> None:
        if self._faults.get("echo_flips"):
            echoing = self._echoing
        else:
            echoing = self._modem.settings.echo or self._faults.take("echo_on") is not None
        if echoing:
            self._emit(data.replace(b"\x1b", b"").replace(b"\n", b""))

    def _run(self, line: str) -> None:
        modem = self._modem
        modem.records.line(line)
        modem.world.heard(line)
        if self._replay and self._replay[0].pattern.fullmatch(line):
            self._play()
            return
        if line[:2].upper() != "AT":
            # A PDU typed where no prompt was, or line noise.
            self.finish("", [], "ERROR")
            return
        lines: list[str] = []
        after: list[Callable[[], None]] = []
        verb = ""
        try:
            for command in parse_line(line[2:]):
                verb = command.name
                modem.records.counts[verb] += 1
                answer = answered(modem, command, self._faults)
                self.imei_told = self.imei_told or verb in IMEI_COMMANDS
                lines += answer.lines
                if answer.then is not None:
                    after.append(answer.then)
                if answer.prompt is not None:
                    self._open_prompt(verb, answer.prompt)
                    return
        except Refused as refused:
            told = self._modem.records.final if verb == "+CMGS" else None
            self.finish(verb, lines, self._error(refused), told=told)
            return
        silent = line[2:].upper() in modem.personality.without_ok
        self.finish(verb, lines, None if silent else "OK", after)

    def _error(self, refused: Refused) -> str:
        words = self._faults.take("verbose_errors") is not None
        return refused.line(2 if words else self._modem.settings.cmee)

    # The end of a command

    def finish(
        self,
        verb: str,
        lines: list[str],
        final: str | None,
        after: list[Callable[[], None]] | None = None,
        *,
        told: Callable[[str], None] | None = None,
        own: bool = False,
    ) -> None:
        """Say the answer of `verb`, as the faults let it, and take the next command.

        `final` None where the personality says no final result; `told` is called with it when it
        has been said, `after` when the command has ended. What the modem says by its `own`, without
        the network, is never late.
        """

        def ended() -> None:
            for call in after or []:
                call()

        def said() -> None:
            self._say(verb, lines, final)
            if told is not None and final is not None:
                told(final)
            elif final is not None:
                self._modem.records.given_up()
            ended()

        missing = self._faults.take("no_final", verb)
        if missing is not None:
            whole = missing.params["whole"]
            if not (verb == "+CMGS" if whole is None else whole):
                self._say(verb, lines, None)
            self._modem.records.final("")
            ended()
            if missing.params["blocks"]:
                self.state = State.RUNNING
            else:
                self._idle()
            return
        late = None if own else self._faults.take("late_final", verb)
        if late is None:
            said()
            self._idle()
            return

        def much_later() -> None:
            said()
            if not late.params["answers"]:
                self._idle()

        self.state = State.LINE if late.params["answers"] else State.RUNNING
        self._modem.later(late.number("delay_s"), much_later)
        self._pump()

    def _say(self, verb: str, lines: list[str], final: str | None) -> None:
        self._emit(garbage(self._faults, self._modem.rng, verb))
        said = framed(
            self._faults, self._modem.settings, verb, lines, final,
            inside=self.inside, doubled=self._doubled,
        )  # fmt: skip
        self.inside, self._doubled = b"", False
        self._emit(said)

    def _idle(self) -> None:
        self.state = State.LINE
        self._pump()

    # The prompt

    def _open_prompt(self, verb: str, typed: Callable[[str], None]) -> None:
        modem, faults = self._modem, self._faults
        if modem.sender is not self and modem.sender.state is not State.LINE:
            raise Refused("CMS", 302)  # a message is under way on another port
        if faults.take("no_prompt", verb):
            return
        early = faults.take("urc_before_prompt", verb)
        if early is not None:
            self._emit(line_of_its_own(early.words("line")))
        modem.sender = self
        self._verb, self._typed = verb, typed
        self._text.clear()
        self._stuck = faults.take("stuck_prompt", verb) is not None
        self._gone = faults.take("prompt_lost", verb)
        bare = faults.take("bare_prompt", verb) is not None
        prompt = "\r\n>\r\n" if bare else modem.personality.prompt

        def shown() -> None:
            self.state = State.PROMPT
            modem.records.prompt()
            self._emit(prompt.encode())
            self._pump()

        slow = faults.take("slow_prompt", verb)
        if slow is None:
            shown()
        else:
            self.state = State.RUNNING
            modem.later(slow.number("delay_s"), shown)

    def _prompt_input(self) -> None:
        data = bytes(self._input)
        ends = [at for octet in (CTRL_Z, ESC, CR) if (at := data.find(octet)) >= 0]
        end = min(ends, default=len(data) - 1)
        chunk, closing = data[: end + 1], data[end]
        if self._modem.world.typed(len(self._text) + len(chunk)):
            return
        del self._input[: end + 1]
        self._echo(chunk.replace(b"\x1a", b"").replace(b"\r", b""))
        if closing == ESC:
            self._escape()
        elif closing == CTRL_Z and not self._stuck:
            self._text += chunk[:-1]
            self._submit()
        elif closing in (CTRL_Z, CR):
            self._text += chunk[:-1] + (b"\n" if self._modem.settings.cmgf else b"")
            if self._stuck or self._modem.settings.cmgf:
                self._emit(b"\r\n> ")
        else:
            self._text += chunk
        if len(self._text) > LINE_OCTETS:
            self._text.clear()

    def _escape(self) -> None:
        self._typed, self._stuck, self._gone = None, False, None
        self._modem.records.final("escaped")
        self.state = State.LINE
        if self._replay and self._replay[0].pattern.fullmatch("\x1b"):
            self._play()
            return
        if self._modem.personality.escape_ok:
            self._say(self._verb, [], "OK")

    def _submit(self) -> None:
        modem, typed = self._modem, self._typed
        if self._gone is not None:
            answer, times = self._gone.words("answer"), int(self._gone.number("times"))
            self._typed = self._gone = None
            self.state = State.LINE
            modem.records.final(answer)
            self._emit(b"".join([line_of_its_own(answer)] * times))
            return
        modem.records.ctrl_z(imei_told=self.imei_told)
        self.state, self._typed = State.RUNNING, None
        text = self._text.decode("latin-1")
        if typed is not None:
            typed(text)
        # After it went on the air: whether it gets through is the radio's to draw.
        modem.world.on_air()

    def sent(self, result: int | Refused | None) -> None:
        """The outcome of what was typed: TP-MR, a refusal, or None when nothing will be said."""
        records = self._modem.records
        if isinstance(result, Refused):
            own = (result.kind, result.code) == INVALID_PDU
            self.finish(self._verb, [], self._error(result), told=records.final, own=own)
        elif result is None:
            records.final("")
            self._idle()
        else:
            early = self._faults.take("urc_before_mr", self._verb)
            if early is not None:
                self._emit(line_of_its_own(early.words("line")))
            bare = self._faults.take("ok_without_mr", self._verb) is not None
            lines = [] if bare else [f"{self._verb}: {result}"]
            self.finish(self._verb, lines, "OK", told=lambda final: records.final(final, result))

    # A transcript

    def _play(self) -> None:
        """Say what the next turn says; where it led to a prompt, take what is typed there."""
        modem, turn = self._modem, self._replay.popleft()
        delay_s = 0.0
        for pause_s, data in turn.pieces:
            delay_s += pause_s
            if delay_s:
                modem.later(delay_s, lambda data=data: self._emit(data))  # type: ignore[misc]
            else:
                self._emit(data)
        if turn.lost:
            modem.later(delay_s, modem.unplug)
        typing = bool(self._replay) and self._replay[0].typed
        self.state = State.PROMPT if typing else State.LINE
        self._text.clear()
        self._typed = self._play_typed if typing else None
        self._pump()

    def _play_typed(self, text: str) -> None:
        if self._replay[0].pattern.fullmatch(text):
            self._play()
        else:
            self._replay.clear()
            self.sent(Refused(*INVALID_PDU))

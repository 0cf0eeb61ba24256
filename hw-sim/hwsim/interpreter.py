"""Bytes from the host in, answers out: V.250 line discipline, the prompt, and the answers' faults.

Commands are in `general` and `messaging`. Stdlib only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING

from hwsim import general, messaging
from hwsim.grammar import Answer, Command, Op, Refused, parse_line, said
from hwsim.transcript import Turn

if TYPE_CHECKING:
    from hwsim.modem import SimModem

CTRL_Z, ESC, CR, LF = 0x1A, 0x1B, 0x0D, 0x0A
INPUT_OCTETS = 65_536  # kept while a command runs
LINE_OCTETS = 4096  # longer lines and texts are dropped
BEFORE_PIN = ("+CPIN", "+CFUN", "+CMEE")
NUMERIC = {"OK": "0", "ERROR": "4", "NO CARRIER": "3"}  # ATV0

Handler = Callable[["SimModem", Command], Answer]
HANDLERS: dict[str, Handler] = {**general.HANDLERS, **messaging.HANDLERS}


class State(Enum):
    """What the next byte means."""

    LINE = "line"  # part of a command
    RUNNING = "running"  # kept until the command has ended
    PROMPT = "prompt"  # text up to Ctrl-Z or ESC


class Interpreter:
    """The AT port of one modem."""

    def __init__(self, modem: SimModem) -> None:
        self.state = State.LINE
        self._modem = modem
        self._input = bytearray()
        self._line = bytearray()
        self._text = bytearray()
        self._typed: Callable[[str], None] | None = None
        self._verb = ""
        self._stuck = False
        self._line_begun = False
        self._pumping = False
        self._replay: deque[Turn] = deque()

    def restart(self) -> None:
        """As after power-up: nothing half-done is remembered."""
        self.state = State.LINE
        self._input.clear()
        self._line.clear()
        self._text.clear()
        self._typed = None
        self._stuck = self._line_begun = False
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
            early = self._modem.faults.take("urc_before_echo")
            if early is not None:
                self._modem.emit(f"\r\n{early.words('line')}\r\n".encode())
        self._echo(chunk)
        for octet in chunk:
            if octet == ESC:
                self._line.clear()
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

    def _echo(self, data: bytes) -> None:
        if self._modem.settings.echo or self._modem.faults.take("echo_on"):
            self._modem.emit(data.replace(b"\x1b", b"").replace(b"\n", b""))

    def _run(self, line: str) -> None:
        modem = self._modem
        modem.note_line(line)
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
                modem.counts[verb] += 1
                answer = self._answer(command)
                lines += answer.lines
                if answer.then is not None:
                    after.append(answer.then)
                if answer.prompt is not None:
                    self._open_prompt(verb, answer.prompt)
                    return
        except Refused as refused:
            self.finish(verb, lines, self._error(refused))
            return
        silent = line[2:].upper() in modem.personality.without_ok
        self.finish(verb, lines, None if silent else "OK", after)

    def _error(self, refused: Refused) -> str:
        return refused.line(self._modem.settings.cmee)

    def _answer(self, command: Command) -> Answer:
        modem = self._modem
        fault = modem.faults.take("cme_error", command.name)
        if fault is not None:
            raise Refused("CME", int(fault.number("code")))
        self._check_ready(command.name)
        personality, text = modem.personality, command.text.upper()
        error = personality.refused.get(text, personality.refused.get(command.name))
        if error is not None:
            raise Refused.parse(error)
        lines = personality.commands.get(text, personality.commands.get(command.name))
        if lines is not None:
            if command.op is Op.SET:
                modem.settings.s[command.name] = command.word(0)
            asked = command.op is Op.TEST and text not in personality.commands
            return said(*([] if asked else modem.filled(lines)))
        handler = HANDLERS.get(command.name)
        if handler is None:
            raise Refused.parse(personality.unknown)
        return handler(modem, command)

    def _check_ready(self, name: str) -> None:
        """Refused while the card wants its PIN or has just got it, as the personality has it."""
        modem, personality = self._modem, self._modem.personality
        if personality.pin_first and name[:1] == "+" and name not in BEFORE_PIN:
            modem.check_card("CME", only=("SIM PIN", "SIM PUK"))
        touched = name in messaging.HANDLERS or (personality.settling_all and name != "+CPIN")
        if modem.waking and personality.settling and touched:
            raise Refused.parse(personality.settling)

    # The end of a command

    def finish(
        self,
        verb: str,
        lines: list[str],
        final: str | None,
        after: list[Callable[[], None]] | None = None,
    ) -> None:
        """Say the answer of `verb`, as the faults let it, and take the next command.

        `final` None where the personality says no final result.
        """

        def ended() -> None:
            for call in after or []:
                call()

        faults = self._modem.faults
        missing = faults.take("no_final", verb)
        if missing is not None:
            whole = missing.params["whole"]
            if not (verb == "+CMGS" if whole is None else whole):
                self._say(verb, lines, None)
            self._modem.note_final("")
            ended()
            self._idle()
            return
        late = faults.take("late_final", verb)
        if late is None:
            self._say(verb, lines, final)
            ended()
            self._idle()
            return

        def much_later() -> None:
            self._say(verb, lines, final)
            ended()
            if not late.params["answers"]:
                self._idle()

        self.state = State.LINE if late.params["answers"] else State.RUNNING
        self._modem.later(late.number("delay_s"), much_later)
        self._pump()

    def _say(self, verb: str, lines: list[str], final: str | None) -> None:
        modem = self._modem
        settings = modem.settings
        modem.output.garbage(verb)
        out = ""
        if lines:
            lead = "\r\n" if settings.verbose else ""
            out = lead + "\r\n".join(lines) + "\r\n"
        inside = modem.faults.take("urc_inside", verb)
        if inside is not None:
            out += f"\r\n{inside.words('line')}\r\n"
        if final is not None and not settings.quiet:
            numeric = NUMERIC.get(final)
            plain = not settings.verbose and numeric is not None
            out += f"{numeric}\r" if plain else f"\r\n{final}\r\n"
        glued = modem.faults.take("glued", verb)
        if glued is not None:
            out += f"\r\n{glued.words('line')}\r\n"
        modem.emit(out.encode("latin-1", "replace"))

    def _idle(self) -> None:
        self.state = State.LINE
        self._pump()

    # The prompt

    def _open_prompt(self, verb: str, typed: Callable[[str], None]) -> None:
        modem = self._modem
        if modem.faults.take("no_prompt", verb):
            return
        early = modem.faults.take("urc_before_prompt", verb)
        if early is not None:
            modem.emit(f"\r\n{early.words('line')}\r\n".encode())
        self._verb, self._typed = verb, typed
        self._text.clear()
        self._stuck = modem.faults.take("stuck_prompt", verb) is not None
        bare = modem.faults.take("bare_prompt", verb) is not None
        prompt = "\r\n>\r\n" if bare else modem.personality.prompt

        def shown() -> None:
            self.state = State.PROMPT
            modem.note_prompt()
            modem.emit(prompt.encode())
            self._pump()

        slow = modem.faults.take("slow_prompt", verb)
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
        if self._hung_up(len(self._text) + len(chunk)):
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
                self._modem.emit(b"\r\n> ")
        else:
            self._text += chunk
        if len(self._text) > LINE_OCTETS:
            self._text.clear()

    # A transcript

    def _play(self) -> None:
        """Say what the next turn says; where it led to a prompt, take what is typed there."""
        modem, turn = self._modem, self._replay.popleft()
        delay_s = 0.0
        for pause_s, data in turn.pieces:
            delay_s += pause_s
            if delay_s:
                modem.later(delay_s, lambda data=data: modem.emit(data))  # type: ignore[misc]
            else:
                modem.emit(data)
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
            self.sent(Refused("CMS", 304))

    def _hung_up(self, octets: int) -> bool:
        fault = self._modem.faults.get("hangup_mid_pdu")
        if fault is None or fault.params["at"] != "pdu" or octets < fault.number("octets"):
            return False
        return self._hang_up()

    def _hung_up_at_end(self) -> bool:
        fault = self._modem.faults.get("hangup_mid_pdu")
        return fault is not None and fault.params["at"] == "ctrl_z" and self._hang_up()

    def _hang_up(self) -> bool:
        fault = self._modem.faults.take("hangup_mid_pdu")
        if fault is None:
            return False
        self._modem.unplug()
        if fault.params["back_s"] is not None:
            self._modem.network.later(fault.number("back_s"), self._modem.plug)
        return True

    def _restarted(self) -> bool:
        fault = self._modem.faults.get("spontaneous_restart")
        if fault is None or fault.params["when"] != "ctrl_z":
            return False
        if self._modem.faults.take("spontaneous_restart") is None:
            return False
        self._modem.restart()
        return True

    def _escape(self) -> None:
        self._typed, self._stuck = None, False
        self._modem.note_final("escaped")
        self.state = State.LINE
        if self._replay and self._replay[0].pattern.fullmatch("\x1b"):
            self._play()
            return
        if self._modem.personality.escape_ok:
            self._say(self._verb, [], "OK")

    def _submit(self) -> None:
        modem, typed = self._modem, self._typed
        modem.note_ctrl_z()
        self.state, self._typed = State.RUNNING, None
        text = self._text.decode("latin-1")
        if typed is not None:
            typed(text)
        # After it went on the air: whether it gets through is the radio's to draw.
        if not self._restarted():
            self._hung_up_at_end()

    def sent(self, result: int | Refused | None) -> None:
        """The outcome of what was typed: TP-MR, a refusal, or None when nothing will be said."""
        modem = self._modem
        if isinstance(result, Refused):
            final = self._error(result)
            self.finish(self._verb, [], final, [lambda: modem.note_final(final)])
        elif result is None:
            modem.note_final("")
            self._idle()
        else:
            bare = modem.faults.take("ok_without_mr", self._verb) is not None
            lines = [] if bare else [f"{self._verb}: {result}"]
            self.finish(self._verb, lines, "OK", [lambda: modem.note_final("OK", result)])

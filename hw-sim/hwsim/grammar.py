"""The AT command line of ITU-T V.250 5.2 as values, and the words of errors.

Stdlib only; written without looking at how airpost reads answers, so that one mistake cannot hide
another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

CME_WORDS = {
    0: "phone failure", 1: "no connection to phone", 3: "operation not allowed",
    4: "operation not supported", 5: "PH-SIM PIN required", 10: "SIM not inserted",
    11: "SIM PIN required", 12: "SIM PUK required", 13: "SIM failure", 14: "SIM busy",
    15: "SIM wrong", 16: "incorrect password", 17: "SIM PIN2 required", 18: "SIM PUK2 required",
    20: "memory full", 21: "invalid index", 22: "not found", 23: "memory failure",
    30: "no network service", 31: "network timeout",
    32: "network not allowed - emergency calls only", 50: "incorrect parameters", 100: "unknown",
}  # fmt: skip
"""TS 27.007 9.2."""

CMS_WORDS = {
    1: "unassigned (unallocated) number", 8: "operator determined barring", 10: "call barred",
    21: "short message transfer rejected", 27: "destination out of service",
    28: "unidentified subscriber", 29: "facility rejected", 30: "unknown subscriber",
    38: "network out of order", 41: "temporary failure", 42: "congestion",
    47: "resources unavailable, unspecified", 50: "requested facility not subscribed",
    69: "requested facility not implemented", 95: "invalid message, unspecified",
    96: "invalid mandatory information", 111: "protocol error, unspecified",
    127: "interworking, unspecified", 300: "ME failure", 301: "SMS service of ME reserved",
    302: "operation not allowed", 303: "operation not supported",
    304: "invalid PDU mode parameter", 305: "invalid text mode parameter", 310: "SIM not inserted",
    311: "SIM PIN required", 312: "PH-SIM PIN required", 313: "SIM failure", 314: "SIM busy",
    315: "SIM wrong", 316: "SIM PUK required", 320: "memory failure", 321: "invalid memory index",
    322: "memory full", 330: "SMSC address unknown", 331: "no network service",
    332: "network timeout", 340: "no +CNMA acknowledgement expected", 500: "unknown error",
}  # fmt: skip
"""TS 27.005 3.2.5; below 128 the causes of TS 24.011 E-2."""


class Op(Enum):
    """What is asked of a command."""

    EXEC = "exec"
    READ = "read"
    TEST = "test"
    SET = "set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a line. `name` is upper case without AT; `args` are unquoted, "" if left out.

    `text` is the command as typed, without AT.
    """

    name: str
    op: Op
    args: tuple[str, ...] = ()
    text: str = ""

    def number(self, at: int, default: int | None = None) -> int:
        """The argument at `at` as a number; `default` where it is left out; Refused otherwise."""
        value = self.args[at] if at < len(self.args) else ""
        if value.isascii() and value.isdigit():
            return int(value)
        if value == "" and default is not None:
            return default
        raise Refused("CME", 50)

    def word(self, at: int, default: str = "") -> str:
        """The argument at `at`, or `default` where it is left out."""
        value = self.args[at] if at < len(self.args) else ""
        return value or default


class Refused(Exception):
    """A final error: `kind` "CME" or "CMS" with its code, or "" with the literal `text`."""

    def __init__(self, kind: str, code: int = 0, text: str = "ERROR") -> None:
        super().__init__(f"{kind} {code}" if kind else text)
        self.kind = kind
        self.code = code
        self.text = text

    @classmethod
    def parse(cls, spec: str) -> Refused:
        """From "CMS 303", "CME 4", or any other final line taken literally."""
        kind, _, code = spec.partition(" ")
        if kind in ("CME", "CMS") and code.isdigit():
            return cls(kind, int(code))
        return cls("", text=spec)

    def line(self, cmee: int) -> str:
        """The final line at `+CMEE` 0, 1 or 2; +CMS ERROR does not depend on 0 (TS 27.005)."""
        if not self.kind or (self.kind == "CME" and cmee == 0):
            return self.text
        words = CME_WORDS if self.kind == "CME" else CMS_WORDS
        said = words.get(self.code, "unknown error") if cmee == 2 else str(self.code)
        return f"+{self.kind} ERROR: {said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Information lines of a command that went well.

    `prompt` opens text input: it is called with what was typed up to Ctrl-Z. `then` runs after the
    final result.
    """

    lines: tuple[str, ...] = ()
    then: Callable[[], None] | None = None
    prompt: Callable[[str], None] | None = None


def said(*lines: str) -> Answer:
    """An answer of these lines."""
    return Answer(lines=lines)


_EXTENDED = re.compile(r"([+^*#$%_!][A-Za-z0-9_\-]*[A-Za-z0-9]|[+^*#$%_!])\s*(=\?|\?|=)?")
_BASIC = re.compile(r"(&?[A-Za-z])(\d*)(\?|=\??)?")


def _split_arguments(text: str) -> tuple[str, ...]:
    """By commas outside quotes; quotes come off."""
    out: list[str] = []
    piece, quoted = "", False
    for char in text:
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            out.append(piece.strip())
            piece = ""
        else:
            piece += char
    return (*out, piece.strip())


def _extended(text: str) -> tuple[Command, str]:
    """The extended command at the beginning of `text`, and what follows its semicolon."""
    quoted, end = False, len(text)
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            end = at
            break
    body, rest = text[:end], text[end + 1 :]
    found = _EXTENDED.match(body)
    if found is None:
        raise Refused("")
    name, sign = found.group(1).upper(), found.group(2) or ""
    tail = body[found.end() :]
    op = {"": Op.EXEC, "?": Op.READ, "=?": Op.TEST, "=": Op.SET}[sign]
    if op is not Op.SET and tail.strip():
        raise Refused("")
    args = _split_arguments(tail) if op is Op.SET else ()
    return Command(name=name, op=op, args=args, text=body.strip()), rest


def parse_line(text: str) -> list[Command]:
    """The commands of a line behind its AT; an empty list for plain AT. Refused("") on nonsense."""
    commands: list[Command] = []
    rest = text.strip()
    while rest:
        if rest[0] in "+^*#$%_!":
            command, rest = _extended(rest)
        elif rest[0] in "dD":
            command, rest = Command(name="D", op=Op.EXEC, args=(rest[1:],), text=rest), ""
        else:
            found = _BASIC.match(rest)
            if found is None:
                raise Refused("")
            name, digits, sign = found.group(1).upper(), found.group(2), found.group(3) or ""
            op = {"": Op.EXEC, "?": Op.READ, "=": Op.SET, "=?": Op.TEST}[sign]
            end = found.end()
            args: tuple[str, ...] = (digits,)
            if op is Op.SET:  # S0=1
                value = re.match(r"\d*", rest[end:])
                assert value is not None
                args, end = (digits, value.group()), end + value.end()
            command, rest = Command(name=name, op=op, args=args, text=rest[:end]), rest[end:]
        commands.append(command)
        rest = rest.lstrip(" ;")
    return commands

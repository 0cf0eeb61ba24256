"""Reading one information line: `+X: a,"b",,(1-3),("SM","ME")`, tolerant of what firmware breaks.

Pure. TS 27.007 and TS 27.005 give the syntax; quotes that never open or close are repaired where
only one reading makes sense. Nothing here raises on any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

RANGE_LIMIT = 1024  # values one "(0-…)" may expand to
DEPTH_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its text without quotes, whether it had them, and the members of a group."""

    text: str
    quoted: bool = False
    group: tuple[Field, ...] | None = None

    @property
    def number(self) -> int | None:
        """The decimal value, or None; quotes do not matter."""
        text = self.text.strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None

    @property
    def hexadecimal(self) -> int | None:
        """The value of hexadecimal digits, or None."""
        text = self.text.strip()
        return int(text, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,16}", text) else None


_PREFIX = re.compile(r"([+^*#$%&_]?[A-Za-z][A-Za-z0-9 _]{0,30}?) ?:")


def split_prefix(line: str) -> tuple[str, str]:
    """(prefix in upper case without the colon, the rest); prefix "" where there is none."""
    found = _PREFIX.match(line)
    if found is None:
        return "", line.strip()
    return found[1].upper(), line[found.end() :].strip()


_GLUED = re.compile(r"(?:OK|ERROR)(?=[+^*#$%&])")


def rests_of(lines: Iterable[str], *prefixes: str) -> Iterator[str]:
    """What stands behind one of `prefixes`, for each line that has one (`ERROR+CNUM: …` too)."""
    for line in lines:
        glued = _GLUED.match(line)
        prefix, rest = split_prefix(line[glued.end() :] if glued else line)
        if prefix and prefix in prefixes:
            yield rest


def fields_of(text: str) -> tuple[Field, ...]:
    """The comma-separated fields of what follows a prefix; () for nothing at all."""
    if not text.strip():
        return ()
    if text.isdecimal():
        return (Field(text),)
    reader = _Reader(text)
    fields = reader.fields(0)
    while reader.at < len(text):  # a bracket that closes nothing
        reader.at += 1
        fields += reader.fields(0)
    return tuple(fields)


class _Reader:
    """A cursor over one line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fields(self, depth: int) -> list[Field]:
        """Fields up to the closing bracket or the end; the cursor stays before the bracket."""
        out = [self.field(depth)]
        while self._here() == ",":
            self.at += 1
            out.append(self.field(depth))
        return out

    def field(self, depth: int) -> Field:
        self._spaces()
        char = self._here()
        if char == "(" and depth < DEPTH_LIMIT:
            return self._group(depth)
        if char == '"':
            return self._quoted()
        return Field(self._bare())

    def _here(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _spaces(self) -> None:
        while self._here() and self._here() in " \t":
            self.at += 1

    def _group(self, depth: int) -> Field:
        self.at += 1
        begin = self.at
        members = self.fields(depth + 1)
        inside = self.text[begin : self.at]
        if self._here() == ")":
            self.at += 1
        self._skip_to_separator()
        return Field(inside, group=() if not inside.strip() else tuple(members))

    def _bare(self) -> str:
        begin = self.at
        while self._here() not in ("", ",", ")"):
            self.at += 1
        return self.text[begin : self.at].strip().strip('"').strip()

    def _quoted(self) -> Field:
        begin = self.at + 1
        end = self._closing_quote(begin)
        if end is None:  # never closed: it ends where the next field begins
            self.at = begin
            while self._here() not in ("", ",", ")"):
                self.at += 1
            return Field(self.text[begin : self.at].strip(), quoted=True)
        self.at = end + 1
        self._skip_to_separator()
        return Field(self.text[begin:end], quoted=True)

    def _closing_quote(self, begin: int) -> int | None:
        """The quote that ends the string; None when the next one opens another field."""
        at = self.text.find('"', begin)
        while at != -1:
            rest = self.text[at + 1 :].lstrip()
            if rest[:1] in ("", ",", ")"):
                return at
            if at > begin and self.text[begin:at].rstrip().endswith(","):
                return None
            at = self.text.find('"', at + 1)
        return None

    def _skip_to_separator(self) -> None:
        while self._here() not in ("", ",", ")"):
            self.at += 1


def values_of(field: Field) -> tuple[int, ...]:
    """The numbers a field of a test answer offers: `(0-3)`, `(0,2,3)`, `(0-1,3)` or `2`."""
    out: list[int] = []
    for member in field.group if field.group is not None else (field,):
        low, dash, high = member.text.partition("-")
        first, last = Field(low).number, Field(high).number
        if first is None:
            continue
        if dash and last is not None:
            out += range(first, min(last, first + RANGE_LIMIT) + 1)
        else:
            out.append(first)
    return tuple(out)


def ucs2_text(told: str) -> str:
    """`told`, or what it says if it is UCS-2 in hexadecimal digits (AT+CSCS="UCS2")."""
    if len(told) < 8 or not re.fullmatch(r"(?:[0-9A-Fa-f]{4})+", told):
        return told
    try:
        text = bytes.fromhex(told).decode("utf-16-be")
    except UnicodeDecodeError:
        return told
    return text if text.rstrip("\0\uffff").isprintable() else told


MOST_DIGITS = 20  # of a number; more are the hexadecimal form of one


def number_text(told: str) -> str:
    """A telephone number, or the one that `told` is the UCS-2 or ASCII hexadecimal form of."""
    if re.fullmatch(r"(?:00(?:2[AaBb3]|3[0-9]))+", told):
        return bytes.fromhex(told).decode("utf-16-be")
    if re.fullmatch(r"(?:2[AaBb3]|3[0-9])+", told) and (
        len(told) > MOST_DIGITS or not told.isdigit()
    ):
        return bytes.fromhex(told).decode("ascii")
    return told

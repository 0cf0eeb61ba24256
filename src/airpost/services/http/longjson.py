"""A JSON object with one long list in it, read a little at a time.

Stdlib and L0 only. Neither json nor pydantic gives the interpreter's lock away: 8 MB in one go
would keep modems waiting for a tenth of a second, in whatever thread. What is kept of the list is
where its elements are, so that each is read once more by itself.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from airpost.services.http.problems import Refusal

STRETCH = 16_384  # characters between two pauses,
ELEMENTS = 128  # or so many elements: either is read in about half a millisecond
PAUSE_S = 0.001  # a turn of the loop is not enough: the store's threads want the lock as well
_SPACE = re.compile(r"[ \t\r\n]*")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_read = json.JSONDecoder(parse_constant=_no_constant).raw_decode


@dataclass(slots=True)
class LongJson:
    """What was read: `members` are JSON texts; `name` is of the list, None where there is none."""

    text: str
    members: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    spans: array[int] = field(default_factory=lambda: array("L"))  # begin and end of each element

    def __len__(self) -> int:
        return len(self.spans) // 2

    def element(self, at: int) -> str:
        """The JSON text of an element."""
        return self.text[self.spans[2 * at] : self.spans[2 * at + 1]]

    def elements(self) -> Iterator[str]:
        """All of them."""
        return map(self.element, range(len(self)))


async def read_long(
    body: bytes,
    names: Collection[str],
    most: int,
    sleep: Callable[[float], Awaitable[None]],
    element: Callable[[Any], None] = lambda _: None,
) -> LongJson:
    """Read an object of which one of `names` is the long list; Refusal where it is none.

    `most` elements, each told to `element`; between stretches it sleeps.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed("it is not UTF-8") from None
    reader = _Reader(text, sleep, element)
    try:
        return await reader.read(names, most)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError:  # a number of more digits than Python reads, or NaN
        raise _malformed(f"a number is none at character {reader.at + 1}") from None


def _malformed(words: str) -> Refusal:
    return Refusal("malformed-json", words, errors=[("body", words)])


class _Reader:
    def __init__(
        self,
        text: str,
        sleep: Callable[[float], Awaitable[None]],
        element: Callable[[Any], None],
    ) -> None:
        self._text = text
        self._sleep = sleep
        self._element = element
        self._paused_at = 0
        self.at = 0

    async def read(self, names: Collection[str], most: int) -> LongJson:
        found = LongJson(self._text)
        self._skip()
        if self._text[self.at : self.at + 1] not in ("{", ""):
            self._value()
            words = "must be a JSON object"
            raise Refusal("invalid-request", f"body: {words}", errors=[("body", words)])
        self._take("{")
        more = not self._takes("}")
        while more:
            name = self._name()
            if name in found.members or name == found.name:
                raise _twice(name)
            if name in names and self._text.startswith("[", self.at):
                if found.name is not None:
                    words = f"cannot stand beside {found.name}"
                    raise Refusal("invalid-request", f"{name}: {words}", errors=[(name, words)])
                found.name = name
                await self._list(found, most)
            else:
                begin = self.at
                self._value()
                found.members[name] = self._text[begin : self.at]
            more = self._goes_on("}")
            await self._breathe()
        if self.at < len(self._text):
            raise json.JSONDecodeError("there is more than one value", self._text, self.at)
        return found

    async def _list(self, found: LongJson, most: int) -> None:
        self._take("[")
        more = not self._takes("]")
        while more:
            if len(found) == most:
                raise _too_many(found.name or "", most)
            begin = self.at
            self._element(self._value())
            found.spans.extend((begin, self.at))
            more = self._goes_on("]")
            if len(found) % ELEMENTS == 0 or self.at - self._paused_at > STRETCH:
                self._paused_at = self.at
                await self._sleep(PAUSE_S)

    async def _breathe(self) -> None:
        if self.at - self._paused_at > STRETCH:
            self._paused_at = self.at
            await self._sleep(PAUSE_S)

    def _name(self) -> str:
        if not self._text.startswith('"', self.at):
            raise json.JSONDecodeError("a name is missing", self._text, self.at)
        name = self._value()
        self._skip()
        self._take(":")
        assert isinstance(name, str)
        return name

    def _value(self) -> Any:
        value, self.at = _read(self._text, self.at)
        return value

    def _goes_on(self, end: str) -> bool:
        """True behind a comma, False behind the end."""
        self._skip()
        if self._takes(end):
            return False
        self._take(",")
        return True

    def _takes(self, mark: str) -> bool:
        if not self._text.startswith(mark, self.at):
            return False
        self.at += 1
        self._skip()
        return True

    def _take(self, mark: str) -> None:
        if not self._takes(mark):
            raise json.JSONDecodeError(f"a {mark!r} is missing", self._text, self.at)

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self.at)
        assert found is not None
        self.at = found.end()


def _twice(name: str) -> Refusal:
    words = "is given more than once"
    return Refusal("invalid-request", f"{name}: {words}", errors=[(name, words)])


def _too_many(name: str, most: int) -> Refusal:
    words = f"has more than {most} entries; max_batch of [http] allows no more"
    return Refusal(
        "too-many-rows", f"{name}: {words}", errors=[(name, words)],
        extra={"setting": "http.max_batch"},
    )  # fmt: skip

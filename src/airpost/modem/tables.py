"""One table of a TOML file, read key by key; a mistake is named by file and key.

May import errors. Pure. It knows TOML's types and nothing of what the keys mean.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeVar

from airpost.errors import ConfigError

E = TypeVar("E", bound=Enum)
_ID = re.compile(r"[0-9a-f]{4}")
_IDS = re.compile(r"([0-9a-f]{4})(?:-([0-9a-f]{4}))?")


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """The whole of a file; ConfigError, named by the file alone, when it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, str(error)) from None


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `own` says otherwise: tables key by key, everything else as a whole."""
    both = dict(base)
    for key, value in own.items():
        under = both.get(key)
        both[key] = (
            merged(under, value)
            if isinstance(under, Mapping) and isinstance(value, Mapping)
            else value
        )
    return both


class Table:
    """`values` of `file`, which may hold no key but `known`; every reader raises ConfigError."""

    def __init__(
        self, file: str, values: Mapping[str, Any], known: Iterable[str], where: str = ""
    ) -> None:
        self._file = file
        self._values = values
        self._where = where
        names = tuple(known)
        for key in values:
            if key not in names:
                raise self.wrong(key, f"is unknown; known are {', '.join(names)}")

    def wrong(self, key: str, message: str) -> ConfigError:
        """The error for `key`, to be raised."""
        path = ".".join(part for part in (self._where, key) if part)
        return ConfigError(f"{self._file}: {path}", message)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def _get(self, key: str, kind: type, what: str) -> Any:
        if key not in self._values:
            raise self.wrong(key, "is missing")
        value = self._values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(key, f"must be {what}, not {value!r}")
        return value

    def text(self, key: str) -> str:
        """A text with something in it."""
        found = str(self._get(key, str, "a text"))
        if not found.strip():
            raise self.wrong(key, "is empty")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of such texts; () where the key is absent."""
        if key not in self._values:
            return ()
        found = self._get(key, list, "a list of texts")
        for each in found:
            if not isinstance(each, str) or not each.strip():
                raise self.wrong(key, f"holds {each!r}, which is no text")
        return tuple(found)

    def truth(self, key: str) -> bool:
        """true or false."""
        return bool(self._get(key, bool, "true or false"))

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        found = int(self._get(key, int, "a whole number"))
        if not low <= found <= high:
            raise self.wrong(key, f"must be between {low} and {high}, not {found}")
        return found

    def wholes(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """A list of different whole numbers, at least one."""
        found = self._get(key, list, "a list of whole numbers")
        good = all(type(each) is int and low <= each <= high for each in found)
        if not good or not found or len(set(found)) != len(found):
            raise self.wrong(key, f"must be different numbers from {low} to {high}, not {found!r}")
        return tuple(found)

    def number(self, key: str, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        value = self._values.get(key)
        kind = float if isinstance(value, float) else int
        found = float(self._get(key, kind, "a number"))
        if math.isnan(found) or not low <= found <= high:
            raise self.wrong(key, f"must be between {low:g} and {high:g}, not {found:g}")
        return found

    def choice(self, key: str, kind: type[E]) -> E:
        """The member of `kind` whose value stands there."""
        found = self._get(key, str, "a text")
        return self.member(key, found, kind)

    def member(self, key: str, value: object, kind: type[E]) -> E:
        """The member of `kind` with `value`, which belongs to `key`."""
        try:
            return kind(value)
        except ValueError:
            names = ", ".join(str(each.value) for each in kind)
            raise self.wrong(key, f"is {value!r}, which is none of {names}") from None

    def usb_id(self, key: str) -> str:
        """A USB id as udev writes it: four hexadecimal digits in lower case."""
        found = self.text(key)
        if not _ID.fullmatch(found):
            raise self.wrong(key, f"must be four hexadecimal digits in lower case, not {found!r}")
        return found

    def usb_ids(self, key: str) -> tuple[str, ...]:
        """Such ids, `9602-9606` standing for all between; () where the key is absent."""
        found: list[str] = []
        for each in self.texts(key):
            parts = _IDS.fullmatch(each)
            low = int(parts[1], 16) if parts else 1
            high = int(parts[2] or parts[1], 16) if parts else 0
            if low > high:
                raise self.wrong(key, f"holds {each!r}, which is no USB id and no range of them")
            found += [f"{pid:04x}" for pid in range(low, high + 1)]
        if len(set(found)) != len(found):
            raise self.wrong(key, "holds an id twice")
        return tuple(found)

    def id_table(self, key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Vendor id → product ids, from the table under `key`."""
        inner = self.inner(key, self._values.get(key, ()))
        for vid in self._get(key, dict, "a table of USB ids"):
            if not _ID.fullmatch(vid):
                raise inner.wrong(vid, "is no vendor id: four hexadecimal digits in lower case")
            yield vid, inner.usb_ids(vid)

    def inner(self, key: str, known: Iterable[str]) -> Table:
        """The table under `key`; an empty one where it is absent."""
        found = self._get(key, dict, "a table") if key in self._values else {}
        return Table(self._file, found, known, f"{self._where}.{key}" if self._where else key)

    def rows(self, key: str, known: Iterable[str]) -> Iterator[Table]:
        """The tables of `[[key]]`; none where it is absent."""
        found = self._get(key, list, "a list of tables") if key in self._values else []
        for number, each in enumerate(found):
            if not isinstance(each, dict):
                raise self.wrong(key, f"must be a list of tables, not {found!r}")
            yield Table(self._file, each, known, f"{self._where}{key}.{number}")

    def pairs(self, key: str) -> Iterator[tuple[str, str]]:
        """The keys and texts of the table under `key`; none where it is absent."""
        found = self._get(key, dict, "a table of texts") if key in self._values else {}
        for name, value in found.items():
            if not isinstance(value, str):
                raise self.wrong(f"{key}.{name}", f"must be a text, not {value!r}")
            yield name, value

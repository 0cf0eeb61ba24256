"""A span of time as an option of a command: `90s`, `30m`, `24h`, `7d`, `2w`."""

from __future__ import annotations

from typing import Any

import click

from airpost.clock import SECOND_US, Instant
from airpost.services.http.keyrules import read_expiry

LONGEST_S = 3650 * 86_400


class Span(click.ParamType[int]):
    """Whole seconds, of a span or of a bare number of them; `most_s` of them at most."""

    name = "span"

    def __init__(self, most_s: int = LONGEST_S) -> None:
        self._most_s = most_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds."""
        if isinstance(value, int):
            return value
        try:
            found_s = _seconds(value)
        except ValueError:
            found_s = -1
        if not 0 <= found_s <= self._most_s:
            days = self._most_s // 86_400
            self.fail(f'{value!r} is no span such as "30m", "24h" or "7d", of {days} days at most',
                      param, ctx)  # fmt: skip
        return found_s


def _seconds(text: str) -> int:
    count = text.removesuffix("s")
    if count.isascii() and count.isdigit() and len(count) <= 9:
        return int(count)
    begin = Instant(0)
    return (read_expiry(text, begin) - begin) // SECOND_US

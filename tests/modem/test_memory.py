"""The memory of a modem is told about before it is full, and why it does not empty."""

from __future__ import annotations

import pytest

from airpost.clock import Instant
from airpost.modem.memory import FULL, UNDELETED, Memory


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        (Memory(), ()),
        (Memory(used=7, total=0), ()),
        (Memory(used=79, total=100), ()),
        (Memory(used=100, total=100), (FULL,)),
        (Memory(used=101, total=100, undeleted=2), (UNDELETED, FULL)),
        (Memory(used=1, total=100, undeleted=1), (UNDELETED,)),
    ],
)
def test_what_is_told(memory: Memory, told: tuple[str, ...]) -> None:
    assert memory.complaints == told


def test_from_four_fifths_on_with_what_is_in_the_way() -> None:
    (words,) = Memory(used=80, total=100, orphans=75).complaints
    assert words.startswith("80 of 100 places of the memory for messages are taken, 75 of them")


def test_how_full_it_is_where_that_is_told() -> None:
    assert Memory(used=7, total=20, at=Instant(9)).filled == (7, 20, 9)
    assert Memory(used=7, total=0).filled is None

"""Names that stay, whatever is plugged in first after a restart."""

from __future__ import annotations

import asyncio

import pytest

from airpost.errors import StoreUnavailable
from airpost.model import Lane
from airpost.modem.lanebook import KEY, NO_PLACE, LaneBook

IMEI, OTHER, ALIKE = "490154203237518", "356938035643809", "359958033237518"


class Memory:
    """What outlives a daemon."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.full = False
        self.takes_s = 0.0

    async def recall(self, key: str) -> str | None:
        await asyncio.sleep(self.takes_s)
        return self.kept.get(key)

    async def remember(self, key: str, value: str) -> None:
        await asyncio.sleep(self.takes_s)
        if self.full:
            raise StoreUnavailable("the disk is full")
        self.kept[key] = value


async def test_who_came_first_has_the_short_name_for_ever() -> None:
    memory = Memory()
    book = LaneBook(memory)
    assert await book.name(IMEI) == "m-237518"
    assert await book.name(ALIKE) == "m-3237518"
    assert await book.name(IMEI) == "m-237518"
    again = LaneBook(memory)
    assert await again.name(ALIKE) == "m-3237518"
    assert await again.name(IMEI) == "m-237518"


async def test_no_lane_of_the_configuration_is_given() -> None:
    memory = Memory()
    assert await LaneBook(memory, {Lane("m-237518")}).name(IMEI) == "m-3237518"
    # The name it has is kept when the shorter one is free again.
    assert await LaneBook(memory).name(IMEI) == "m-3237518"
    assert await LaneBook(memory, {Lane("m-3237518")}).name(IMEI) == "m-237518"


async def test_an_imei_of_several_stays_so() -> None:
    memory = Memory()
    book = LaneBook(memory)
    assert await book.place_of(IMEI) is None
    await book.name(IMEI)
    await book.share(IMEI)
    await book.share(OTHER, "1-1")
    await book.share(OTHER, "1-2")  # what was settled first stands
    again = LaneBook(memory)
    assert await again.place_of(IMEI) == NO_PLACE
    assert await again.place_of(OTHER) == "1-1"
    assert await again.name(ALIKE) == "m-237518"  # the name is free


async def test_what_cannot_be_kept_does_not_count() -> None:
    memory = Memory()
    book = LaneBook(memory)
    memory.full = True
    with pytest.raises(StoreUnavailable):
        await book.name(IMEI)
    with pytest.raises(StoreUnavailable):
        await book.share(IMEI)
    assert await book.place_of(IMEI) is None
    memory.full = False
    assert await book.name(ALIKE) == "m-237518"


async def test_what_cannot_be_read_is_as_if_it_were_not_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory = Memory()
    for text in ("{", "[]", '{"names": 3}'):
        memory.kept[KEY] = text
        assert await LaneBook(memory).name(IMEI) == "m-237518"
        assert "lanebook.unreadable" in caplog.text
        caplog.clear()

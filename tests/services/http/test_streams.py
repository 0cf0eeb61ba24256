"""Who is written to, and what in one write."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from airpost.services.eventlog import EventLog
from airpost.services.events import View
from airpost.services.http.streams import AT_ONCE, CHUNK_OCTETS, Client, Streams
from airpost.store.api import Wake
from airpost.tasks import spawn, stop
from tests.services.http.fakes import FakeClock, FakeStore
from tests.services.test_events import MODEM

VIEW = View(None, True, ("*",))


class Pipe:
    """A connection that takes things or not."""

    def __init__(self) -> None:
        self.took: list[bytes] = []
        self.full = 0
        self.closing = False

    def write(self, octets: bytes) -> None:
        self.took.append(octets)

    def get_write_buffer_size(self) -> int:
        return self.full

    def is_closing(self) -> bool:
        return self.closing


class Fixture:
    def __init__(self) -> None:
        self.store = FakeStore()
        self.events = EventLog(self.store.outbox, self.store.subscribe, FakeClock())  # type: ignore[arg-type]
        self.streams = Streams(self.events)

    def happened(self, count: int, reason: str = "x") -> None:
        rows = self.store.outbox.rows
        rows += [replace(MODEM, seq=len(rows) + n, reason=reason) for n in range(1, count + 1)]
        self.store.wake(Wake.EVENT)

    async def at(self, head: int) -> None:
        async with asyncio.timeout(5):
            while self.events.head < head:  # noqa: ASYNC110 - until it is read
                await asyncio.sleep(0.01)
        for _ in range(50):
            await asyncio.sleep(0)

    def client(self, pipe: Pipe, place: int = 0, **changes: Any) -> Client:
        given: Any = pipe
        return Client(
            changes.get("view", VIEW), place, given, chunked=changes.get("chunked", False)
        )


@pytest.fixture
async def rig() -> Any:
    made = Fixture()
    running = spawn(made.events.run(), name="events")
    with made.events.listening():
        yield made
    await stop(running)


async def test_all_that_see_the_same_are_written_the_same(rig: Fixture) -> None:
    pipes = [Pipe() for _ in range(3 * AT_ONCE)]
    clients = [rig.client(pipe) for pipe in pipes]
    for client in clients:
        rig.streams.join(client)
    rig.happened(3)
    await rig.at(3)
    assert len({tuple(pipe.took) for pipe in pipes}) == 1
    assert pipes[0].took[0].count(b"\ndata: ") == 3
    assert pipes[0].took[0] is pipes[1].took[0]  # made once
    assert {client.place for client in clients} == {3}
    rig.streams.leave(clients[0])
    rig.happened(1)
    await rig.at(4)
    assert (len(pipes[0].took), len(pipes[1].took)) == (1, 2)


async def test_what_has_not_taken_the_last_is_left_to_its_handler(rig: Fixture) -> None:
    slow, gone, good = Pipe(), Pipe(), Pipe()
    clients = [rig.client(pipe) for pipe in (slow, gone, good)]
    for client in clients:
        rig.streams.join(client)
    slow.full, gone.closing = 5, True
    rig.happened(1)
    await rig.at(1)
    assert [client.wake.is_set() for client in clients] == [True, True, False]
    assert (slow.took, gone.took, len(good.took)) == ([], [], 1)
    assert [client.place for client in clients] == [0, 0, 1]


async def test_a_write_is_bounded_and_nothing_is_left_out(rig: Fixture) -> None:
    rig.happened(150, "x" * 1000)
    pipe = Pipe()
    client = rig.client(pipe, chunked=True)
    await rig.at(150)
    rig.streams.join(client)
    assert len(pipe.took) > 2
    assert max(map(len, pipe.took)) < CHUNK_OCTETS + 2_000
    assert b"".join(pipe.took).count(b"\ndata: ") == 150
    size, _, rest = pipe.took[0].partition(b"\r\n")
    assert int(size, 16) == len(rest) - 2
    deaf = rig.client(Pipe(), view=View("shop", True, ("message.*",)))
    rig.streams.join(deaf)
    assert (deaf.place, deaf.wake.is_set()) == (150, False)

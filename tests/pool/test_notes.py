"""What is written about modems; while it cannot be, one line says so, and one that it can again."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airpost.errors import StoreUnavailable
from airpost.model import Lane, Severity, SimId
from airpost.pool.notes import Notes
from airpost.store.api import LaneBinding
from tests.store.values import NOW, FakeClock

G1 = Lane("gate-1")
BINDING = LaneBinding(lane=G1, imei="1", sim_id=SimId("2"), since=NOW)


class Store:
    def __init__(self) -> None:
        self.full = False
        self.kept: list[Any] = []

    async def note(self, *given: Any) -> None:
        self._keep(given)

    async def bind_lane(self, binding: LaneBinding) -> None:
        self._keep(binding)

    def _keep(self, given: Any) -> None:
        if self.full:
            raise StoreUnavailable("the disk is full")
        self.kept.append(given)


async def test_what_cannot_be_written_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    notes = Notes(store, FakeClock())  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO):
        await notes.event(G1, "ready", "absent", "unplugged", Severity.WARNING)
        await notes.binding(BINDING)
        store.full = True
        for _ in range(3):
            await notes.event(G1, None, "remark", "odd")
            await notes.binding(BINDING)
        store.full = False
        await notes.event(G1, "absent", "ready", "back")
        await notes.binding(BINDING)
    subject = "modem gate-1"
    assert store.kept == [
        (subject, "ready", "absent", "unplugged", NOW, Severity.WARNING), BINDING,
        (subject, "absent", "ready", "back", NOW, Severity.INFO), BINDING,
    ]  # fmt: skip
    assert [each.getMessage() for each in caplog.records] == [
        "modem.event_not_stored modem=gate-1 the disk is full",
        "modem.binding_not_stored modem=gate-1 the disk is full",
        "modem.events_stored suppressed=2",
        "modem.bindings_stored suppressed=2",
    ]

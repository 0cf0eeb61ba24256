"""What a lane is, notes, and values to find again: for every store."""

from __future__ import annotations

from collections.abc import Callable

from airpost.model import Severity
from airpost.store.api import LaneBinding, Store
from tests.store.values import G1, G2, NOW, SIM1, SIM2, after


async def test_the_newest_binding_of_every_lane_and_an_event_when_it_changed(store: Store) -> None:
    bindings = [
        LaneBinding(lane=G2, imei="35-2", sim_id=None, since=NOW),
        LaneBinding(lane=G1, imei="35-1", sim_id=SIM1, since=NOW),
        LaneBinding(lane=G1, imei="35-1", sim_id=SIM1, since=after(9)),  # the same again
        LaneBinding(lane=G1, imei="35-1", sim_id=SIM2, since=after(10)),
        LaneBinding(lane=G2, imei="35-3", sim_id=None, since=after(11)),
    ]
    for each in bindings:
        await store.bind_lane(each)
    assert await store.lane_bindings() == [bindings[3], bindings[4]]
    told = [(e.subject, e.reason) for e in (await store.events(0, 10)).items]
    assert told == [
        ("modem gate-2", "seen for the first time"),
        ("modem gate-1", "seen for the first time"),
        ("modem gate-1", "another SIM"),
        ("modem gate-2", "another modem"),
    ]


async def test_a_note_is_an_event(store: Store) -> None:
    await store.note("modem gate-1", "ready", "absent", "unplugged", after(3))
    (event,) = (await store.events(0, 10)).items
    assert (event.subject, event.from_, event.to) == ("modem gate-1", "ready", "absent")
    assert (event.at, event.reason) == (after(3), "unplugged")
    assert event.severity is Severity.INFO
    await store.note("modem gate-1", None, "quarantined", "nothing helps", after(4), Severity.HIGH)
    assert (await store.events(event.seq, 10)).items[0].severity is Severity.HIGH


async def test_what_is_remembered_is_there_after_a_restart(
    store: Store, make: Callable[[], Store]
) -> None:
    assert await store.recall("pin gate-1") is None
    await store.remember("pin gate-1", "refused")
    await store.remember("pin gate-1", "tried")
    await store.remember("probe", "mine")
    await store.close()
    again = make()
    await again.open(NOW)
    assert await again.recall("pin gate-1") == "tried"
    assert await again.recall("probe") == "mine"
    await again.close()

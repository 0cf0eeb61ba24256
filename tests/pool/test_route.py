"""Which lane, and why not the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.clock import Instant
from airpost.errors import NoRoute
from airpost.model import Lane, MessageClass, MessageId, ModemView, SimId, UnitState, Waiting
from airpost.pool.route import LaneLoad, choose, rejections


def view(name: str, *, state: UnitState = UnitState.READY, service_s: float | None = 1.0,
         routes: frozenset[str] = frozenset({"default"})) -> ModemView:  # fmt: skip
    return ModemView(lane=Lane(name), port="p", state=state, since=Instant(0), detail="no network",
                     sim_id=SimId(name), service_s=service_s, routes=routes)  # fmt: skip


def load(name: str, *, segments: int = 0, room: int = 2, service_s: float | None = 1.0,
         blocked_s: float = 0.0) -> LaneLoad:  # fmt: skip
    return LaneLoad(view=view(name, service_s=service_s), segments=segments, room=room,
                    blocked_s=blocked_s)  # fmt: skip


MESSAGE = Waiting(seq=1, id=MessageId("m"), to="+99900000001", class_=MessageClass.NORMAL, parts=1,
                  lane=None, route=None)  # fmt: skip


def loads(*each: LaneLoad) -> dict[Lane, LaneLoad]:
    return {one.view.lane: one for one in each}


def test_the_lane_where_it_begins_soonest() -> None:
    chosen = choose(
        MESSAGE, loads(load("slow", service_s=6), load("busy", segments=3), load("free"))
    )
    assert chosen.lane == "free"
    assert chosen.bind


def test_a_fast_busy_modem_beats_a_slow_one_and_the_message_waits_for_it() -> None:
    state = loads(
        load("slow", segments=1, service_s=6), load("fast", segments=2, service_s=1, room=0)
    )
    chosen = choose(MESSAGE, state)
    assert (chosen.lane, chosen.bind) == ("fast", False)


def test_a_closed_window_counts_as_waiting() -> None:
    assert choose(MESSAGE, loads(load("a", blocked_s=30), load("b", segments=2))).lane == "b"


def test_a_round_spreads_what_it_binds() -> None:
    state = loads(load("a"), load("b"))
    lanes = [choose(replace(MESSAGE, seq=n), state) for n in range(6)]
    assert [each.lane for each in lanes] == ["a", "b"] * 3
    assert [each.bind for each in lanes] == [True] * 4 + [False] * 2


def test_why_not_names_every_lane() -> None:
    views = [view("here"), view("away", state=UnitState.REGISTERING),
             replace(view("nosim"), sim_id=None),
             view("vip", routes=frozenset({"vip"}))]  # fmt: skip
    assert rejections(MESSAGE, views) == {
        "away": "no network",
        "nosim": "its SIM is not known yet",
        "vip": "does not serve route default",
    }
    asked = replace(MESSAGE, lane=Lane("vip"))
    assert set(rejections(asked, views)) == {"here", "away", "nosim"}


def test_a_named_route_goes_only_where_it_is_served() -> None:
    state = loads(
        load("a"), LaneLoad(view=view("v", routes=frozenset({"vip"})), segments=9, room=1)
    )
    assert choose(replace(MESSAGE, route="vip"), state).lane == "v"


def test_nobody_fit_says_why() -> None:
    with pytest.raises(NoRoute, match="a: no network"):
        choose(MESSAGE, loads(LaneLoad(view=view("a", state=UnitState.ABSENT), segments=0, room=2)))
    with pytest.raises(NoRoute, match="no modem is configured"):
        choose(MESSAGE, {})


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.sampled_from([None, 0.5, 6.0])),
                min_size=1, max_size=6), st.integers(1, 40))  # fmt: skip
def test_never_more_bound_than_there_is_room(
    lanes: list[tuple[int, int, float | None]], n: int
) -> None:
    state = loads(
        *(load(f"l{i}", segments=s, room=r, service_s=t) for i, (s, r, t) in enumerate(lanes))
    )
    bound: dict[str, int] = {}
    for seq in range(n):
        chosen = choose(replace(MESSAGE, seq=seq), state)
        bound[chosen.lane] = bound.get(chosen.lane, 0) + chosen.bind
    for i, (_, room, _) in enumerate(lanes):
        assert bound.get(f"l{i}", 0) <= room

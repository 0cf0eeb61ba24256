"""Which lane, and why not the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.clock import Instant
from airpost.errors import NoRoute
from airpost.model import Lane, MessageClass, MessageId, ModemView, SimId, UnitState, Waiting
from airpost.pool.route import LaneLoad, Rules, choose, rejections
from airpost.routes import Route, RouteTable


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


def test_equally_free_modems_take_turns_by_whose_message_is_longest_ago() -> None:
    state = loads(load("a"), load("b"), load("c"))
    state[A].given, state[B].given, state[C].given = 7, 5, 6
    assert [choose(replace(MESSAGE, seq=n), state).lane for n in range(6)] == list("bcabca")
    state = loads(load("a"), load("b", segments=1))
    state[A].given = 9
    assert choose(MESSAGE, state).lane == "a"  # who has less to do goes before who has rested
    told = replace(MESSAGE, last_sim=SimId("a"))
    state = loads(load("a"), load("b"))
    state[A].given = 9
    assert choose(told, state).lane == "a"  # and so does the SIM that the number knows


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


# -- groups --------------------------------------------------------------------------------------
A, B, C = Lane("a"), Lane("b"), Lane("c")


def rules(**route: Any) -> Rules:
    return Rules(table=RouteTable(routes=(Route(name="r", **route),)))


def served(*names: str, **changes: Any) -> dict[Lane, LaneLoad]:
    made = loads(*(load(name, **changes) for name in names))
    for each in made.values():
        each.view = replace(each.view, routes=frozenset({"r"}))
    return made


ROUTED = replace(MESSAGE, route="r")


def test_a_later_group_waits_until_those_before_it_have_failed() -> None:
    two = rules(groups=({A: 1}, {B: 1, C: 1}))
    busy = served("a", "b", "c")
    busy[A].segments, busy[A].room = 9, 0
    chosen = choose(ROUTED, busy, two)
    assert (chosen.lane, chosen.bind) == ("a", False)  # busy is not failed
    state = served("a", "b", "c")
    state[A].view = replace(state[A].view, state=UnitState.REGISTERING)
    chosen = choose(ROUTED, state, two)
    assert (chosen.lane, chosen.group) == ("b", 1)
    assert chosen.others == {
        "a": "no network",
        "c": "could carry it, but b: its share of the group",
    }


def test_a_sim_that_failed_with_the_message_is_passed_over_within_its_group_first() -> None:
    two = rules(groups=({A: 1, B: 1}, {C: 1}))
    tried = replace(ROUTED, failed_on=frozenset({SimId("a")}))
    chosen = choose(tried, served("a", "b", "c"), two)
    assert chosen.lane == "b"
    assert chosen.others["a"] == "has failed with this message before"
    assert chosen.others["c"] == "stands in group 2, and group 1 comes first"
    both = replace(ROUTED, failed_on=frozenset({SimId("a"), SimId("b")}))
    assert choose(both, served("a", "b", "c"), two).lane == "c"
    # When all have failed, the first begins anew.
    every = replace(ROUTED, failed_on=frozenset({SimId("a"), SimId("b"), SimId("c")}))
    assert choose(every, served("a", "b", "c"), two).lane == "a"


def test_a_modem_that_fails_again_and_again_hands_over_to_the_next_group() -> None:
    state = served("a", "b")
    state[A].dead, state[A].failures = True, 5
    chosen = choose(ROUTED, state, rules(groups=({A: 1}, {B: 1})))
    assert chosen.lane == "b"
    assert chosen.others == {"a": "has failed 5 times in a row"}


def test_without_a_report_in_time_the_next_group_is_tried_and_no_further() -> None:
    two = rules(groups=({A: 1}, {B: 1}), failover_s={MessageClass.ALARM: 60.0})
    alarm = replace(ROUTED, class_=MessageClass.ALARM)
    first = choose(alarm, served("a", "b"), two)
    assert (first.lane, first.failover_s, first.trying_s) == ("a", 60.0, 120.0)
    second = choose(replace(alarm, groups_failed=1), served("a", "b"), two)
    assert (second.lane, second.failover_s) == ("b", None)
    assert second.others == {"a": "its group 1 has brought no delivery report in time"}
    assert choose(ROUTED, served("a", "b"), two).failover_s is None  # of another class
    # The other has gone meanwhile: the first once more, and no further.
    again = choose(replace(alarm, groups_failed=1), served("a"), two)
    assert (again.lane, again.failover_s) == ("a", None)
    # A route that has shrunk meanwhile begins anew.
    assert choose(replace(alarm, groups_failed=7), served("a", "b"), two).lane == "a"


def test_a_route_whose_groups_hold_no_modem_of_ours_says_so() -> None:
    with pytest.raises(NoRoute, match="a: stands in no group of the route"):
        choose(ROUTED, served("a"), rules(groups=({C: 1},)))


def test_a_modem_that_is_asked_for_by_name_stands_above_groups() -> None:
    asked = replace(MESSAGE, lane=B, route=None)
    chosen = choose(asked, served("a", "b"), rules(groups=({A: 1},)))
    assert (chosen.lane, chosen.reason) == ("b", "the only fit modem")


# -- preferences ---------------------------------------------------------------------------------
KNOWN = replace(ROUTED, last_sim=SimId("b"), carrier="China Mobile")


def test_the_sim_that_last_spoke_with_the_number_goes_first() -> None:
    state = served("a", "b")
    state[B].segments = 1
    chosen = choose(KNOWN, state, rules())
    assert (chosen.lane, chosen.reason) == ("b", "its SIM last exchanged messages with this number")
    assert choose(KNOWN, served("a", "b"), rules(sticky=False)).lane == "a"


def test_a_preference_costs_no_more_than_route_and_class_allow() -> None:
    def lane(class_: MessageClass, segments: int, **route: Any) -> str:
        state = served("a", "b")
        state[B].segments = segments
        return choose(replace(KNOWN, class_=class_), state, rules(**route)).lane

    assert lane(MessageClass.NORMAL, 15) == "b"
    assert lane(MessageClass.NORMAL, 16) == "a"
    assert lane(MessageClass.NORMAL, 16, prefer_s=20.0) == "b"
    assert lane(MessageClass.OTP, 1) == "b"
    assert lane(MessageClass.OTP, 2) == "a"


def test_a_preference_leaves_no_modem_without_work() -> None:
    state = served("a", "b")
    state[B].room = 0
    assert choose(KNOWN, state, rules()).lane == "a"


def test_a_sim_of_the_recipients_carrier_goes_first() -> None:
    state = served("a", "b", "c")
    for lane, operator in ((A, "China Unicom"), (B, "CHINA MOBILE"), (C, "China Mobile")):
        state[lane].view = replace(state[lane].view, operator=operator)
    unknown = replace(KNOWN, last_sim=None)
    chosen = choose(unknown, state, rules(same_carrier=True))
    assert (chosen.lane, chosen.reason) == ("b", "its SIM is one of China Mobile")
    assert chosen.others["a"] == "could carry it, but b: its SIM is one of China Mobile"
    assert choose(unknown, served("a", "b"), rules(same_carrier=True)).lane == "a"
    state[B].view = replace(state[B].view, roaming=True)
    table = replace(rules(same_carrier=True).table, roaming=True)
    assert choose(unknown, state, Rules(table=table)).lane == "c"


def test_weights_share_what_could_begin_equally_soon() -> None:
    count = {A: 0, B: 0}
    weighed = rules(groups=({A: 3, B: 1},))
    for seq in range(1000):
        count[choose(replace(ROUTED, seq=seq), served("a", "b"), weighed).lane] += 1
    assert 700 < count[A] < 800
    state = served("a", "b")
    state[A].segments = 2
    assert choose(ROUTED, state, weighed).lane == "b"  # who is free does not wait for a share


# -- what stands against -------------------------------------------------------------------------
def test_a_modem_that_roams_carries_nothing_unless_it_is_allowed() -> None:
    state = served("a", "b")
    state[A].view = replace(state[A].view, roaming=True)
    chosen = choose(ROUTED, state, rules())
    assert chosen.lane == "b"
    assert "roaming = true of [[modem]]" in chosen.others["a"]
    table = replace(rules().table, roaming_lanes={A: True})
    assert choose(ROUTED, state, Rules(table=table)).lane == "a"


def test_a_lane_may_be_closed_for_a_reason_of_somebody_elses() -> None:
    chosen = choose(ROUTED, served("a", "b"), rules(), {A: "its day is full, until 10:00"})
    assert chosen.lane == "b"
    assert chosen.others == {"a": "its day is full, until 10:00"}
    with pytest.raises(NoRoute, match="its day is full"):
        choose(ROUTED, served("a"), rules(), {A: "its day is full"})


def test_the_others_are_told_when_it_is_bound_or_asked_for() -> None:
    state = served("a", "b", room=0)
    assert choose(ROUTED, state, rules()).others == {}
    told = choose(ROUTED, served("a", "b", room=0), rules(), explain=True).others
    assert told == {"b": "could carry it, but a: least expected wait"}


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

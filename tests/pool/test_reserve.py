"""Which modems carry no bulk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from airpost.clock import Instant
from airpost.model import Lane, MessageClass, MessageId, ModemView, SimId, UnitState, Waiting
from airpost.pool.reserve import Bars, reserved_lanes

NOBODY: frozenset[tuple[str, Lane]] = frozenset()


def view(name: str, *routes: str) -> ModemView:
    return ModemView(
        lane=Lane(name), port="p", state=UnitState.READY, since=Instant(0), detail="",
        routes=frozenset(routes or {"default"}),
    )  # fmt: skip


def test_one_modem_keeps_nothing_back() -> None:
    assert reserved_lanes([view("a")], 1, NOBODY) == NOBODY


def test_of_two_one_carries_no_bulk() -> None:
    assert reserved_lanes([view("b"), view("a")], 1, NOBODY) == {("default", "a")}


def test_one_always_carries_bulk() -> None:
    views = [view(name) for name in "abc"]
    assert reserved_lanes(views, 5, NOBODY) == {("default", "a"), ("default", "b")}


def test_none_where_none_is_asked_for() -> None:
    assert reserved_lanes([view("a"), view("b")], 0, NOBODY) == NOBODY


def test_the_one_kept_back_stays_so_when_another_comes() -> None:
    before = reserved_lanes([view("b"), view("c")], 1, NOBODY)
    assert before == {("default", "b")}
    assert reserved_lanes([view("a"), view("b"), view("c")], 1, before) == before


def test_another_takes_over_from_one_that_has_gone() -> None:
    before = frozenset({("default", Lane("a"))})
    assert reserved_lanes([view("b"), view("c")], 1, before) == {("default", "b")}


def test_each_route_keeps_its_own_and_shares_where_it_can() -> None:
    views = [view("a", "east"), view("b", "east", "west"), view("c", "west")]
    before = frozenset({("east", Lane("b"))})
    assert reserved_lanes(views, 1, before) == {("east", "b"), ("west", "b")}


# -- what the queue does not give ----------------------------------------------------------------
MESSAGE = Waiting(
    seq=1, id=MessageId("m"), to="+49", class_=MessageClass.NORMAL, parts=1, lane=None, route=None
)
A, B = (replace(view(name), sim_id=SimId(f"sim {name}")) for name in "ab")
BULK = replace(MESSAGE, class_=MessageClass.BULK)
KEPT = frozenset({("default", Lane("a"))})


def barred(
    message: Waiting, views: list[ModemView], kept: frozenset[tuple[str, Lane]],
    probes: Collection[MessageId],
) -> dict[Lane, str]:  # fmt: skip
    """Where each modem is waited for, but for one that is said to have gone for good."""
    return Bars(
        views, kept, probes, lambda view, _message: 0.0 if view.detail == "gone" else 60.0
    ).against(message)


def test_nothing_bars_an_ordinary_message() -> None:
    assert barred(MESSAGE, [A, B], KEPT, ()) == {}


def test_bulk_is_kept_from_what_is_reserved_for_its_route_unless_it_asks_by_name() -> None:
    assert set(barred(BULK, [A, B], KEPT, ())) == {"a"}
    assert barred(replace(BULK, route="other"), [A, B], KEPT, ()) == {}
    assert barred(replace(BULK, lane=Lane("a")), [A, B], KEPT, ()) == {}


def test_the_next_to_a_number_follows_the_one_before() -> None:
    assert barred(replace(MESSAGE, follows=Lane("b")), [A, B], KEPT, ()) == {
        "a": "the message before it to this number goes by b"
    }


def test_another_sim_than_the_one_that_was_refused() -> None:
    assert set(barred(replace(MESSAGE, avoid_sim=SimId("sim b")), [A, B], KEPT, ())) == {"b"}


def test_it_goes_by_the_sim_that_was_refused_it_where_no_other_is_waited_for() -> None:
    refused = replace(MESSAGE, avoid_sim=SimId("sim b"))
    gone = replace(A, detail="gone")
    assert barred(refused, [gone, B], KEPT, ()) == {}
    bars = Bars([A, B], NOBODY, (), lambda view, _message: {A: 5.0, B: 90.0}[view])
    assert bars.another_s(refused) == 5.0
    assert bars.another_s(replace(refused, lane=Lane("b"))) == 0.0
    assert bars.another_s(MESSAGE) == 0.0


def test_bulk_goes_by_the_sim_that_was_refused_it_where_all_others_carry_none() -> None:
    """Else it waited for as long as it lived."""
    refused = replace(BULK, avoid_sim=SimId("sim b"))
    assert set(barred(refused, [A, B], KEPT, ())) == {"a"}
    assert set(barred(refused, [A, B, replace(view("c"), sim_id=SimId("sim c"))], KEPT, ())) == {
        "a", "b",
    }  # fmt: skip
    away = replace(view("c", "default"), state=UnitState.ABSENT)
    assert set(barred(refused, [A, B, away], KEPT, ())) == {"a", "b"}
    assert set(barred(refused, [A, B, view("c", "other")], KEPT, ())) == {"a"}


def test_a_paused_modem_carries_its_self_tests_alone() -> None:
    paused = replace(A, paused="paused, by anna")
    assert barred(MESSAGE, [paused], KEPT, ()) == {"a": "paused, by anna"}
    assert barred(MESSAGE, [paused], KEPT, {MESSAGE.id}) == {}

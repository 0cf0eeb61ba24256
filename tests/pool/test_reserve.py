"""Which modems carry no bulk."""

from __future__ import annotations

from airpost.clock import Instant
from airpost.model import Lane, ModemView, UnitState
from airpost.pool.reserve import reserved_lanes

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

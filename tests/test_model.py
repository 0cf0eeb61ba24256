"""Values that cross layers."""

from __future__ import annotations

import uuid
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.clock import Instant
from airpost.model import Lane, MessageClass, ModemView, UnitState, masked, uuid7


@given(st.integers(0, 2**48 * 1000 - 1), st.integers(0, 2**32))
def test_uuid7_is_version_7_and_carries_its_time(now: int, seed: int) -> None:
    made = uuid.UUID(uuid7(Instant(now), Random(seed)))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == now // 1000


def test_uuid7_sorts_by_time_and_differs() -> None:
    rng = Random(1)
    made = [uuid7(Instant(at * 1000), rng) for at in range(1000)]
    assert made == sorted(made)
    assert len({uuid7(Instant(0), rng) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("number", "shown"), [("+8613800138000", "+86…00"), ("10086", "10086"), ("", "")]
)
def test_masked(number: str, shown: str) -> None:
    assert masked(number) == shown


def test_classes_are_in_order() -> None:
    assert [each.value for each in sorted(MessageClass, key=lambda each: each.rank)] == [
        "otp", "alarm", "normal", "bulk"]  # fmt: skip


@pytest.mark.parametrize("state", UnitState)
def test_ready_means_segments_may_be_given(state: UnitState) -> None:
    view = ModemView(lane=Lane("a"), port="p", state=state, since=Instant(0), detail="")
    assert view.ready == (state in (UnitState.READY, UnitState.DEGRADED))
    stalled = ModemView(
        lane=Lane("a"), port="p", state=state, since=Instant(0), detail="", stalled=True
    )
    assert not stalled.ready

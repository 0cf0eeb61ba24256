"""Metrics come in short pieces, with the names and kinds that monitors expect."""

from __future__ import annotations

import re

import pytest

from airpost.histogram import Histogram
from airpost.services.http.families import FAMILIES, PIECE, Family, Kind

ALLOWED = {"modem", "class", "state", "route", "limit", "result", "what", "queue", "method",
           "status", "type", "hook", "version", "manufacturer", "model", "operator"}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_names_follow_the_rules_of_the_field(family: Family) -> None:
    assert re.fullmatch(r"airpost_[a-z0-9_]+[a-z0-9]", family.name)
    assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
    assert family.kind is not Kind.HISTOGRAM or family.name.endswith("_seconds")
    assert set(family.labels) <= ALLOWED  # no number, no id, nothing of a caller's


def test_a_long_family_comes_in_pieces_and_loses_nothing() -> None:
    family = Family("airpost_odd", Kind.GAUGE, ("modem",), "odd")
    pieces = list(family.told(((f"gate-{at}",), at) for at in range(2 * PIECE + 1)))
    assert [len(piece.samples) for piece in pieces] == [PIECE, PIECE, 1]
    values = [sample.value for piece in pieces for sample in piece.samples]
    assert values == list(range(2 * PIECE + 1))
    assert list(family.told(())) == []


def test_the_buckets_of_a_histogram_count_all_up_to_their_bound() -> None:
    seen = Histogram((0.5, 2.0))
    for value in (0.1, 0.2, 1.0, 7.0):
        seen.observe(value)
    (piece,) = Family("airpost_odd_seconds", Kind.HISTOGRAM, ("modem",), "odd").told(
        [(("gate-1",), seen)]
    )
    told = {(s.name.removeprefix("airpost_odd_seconds_"), s.labels.get("le")): s.value
            for s in piece.samples}  # fmt: skip
    assert told == {
        ("bucket", "0.5"): 2, ("bucket", "2.0"): 3, ("bucket", "+Inf"): 4,
        ("count", None): 4, ("sum", None): 8.3,
    }  # fmt: skip

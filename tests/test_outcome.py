"""Merging outcomes."""

from __future__ import annotations

import itertools

import pytest

from airpost.outcome import SENT, Outcome, OutcomeClass, Scope, merge


def outcome(cls: OutcomeClass, code: str = "x") -> Outcome:
    return Outcome(cls=cls, scope=Scope.MESSAGE, code=code, text="")


ORDER = [OutcomeClass.OK, OutcomeClass.TRANSIENT, OutcomeClass.UNKNOWN, OutcomeClass.PERMANENT]


@pytest.mark.parametrize("classes", list(itertools.product(ORDER, repeat=3)))
def test_the_weightiest_class_decides(classes: tuple[OutcomeClass, ...]) -> None:
    assert merge(outcome(each) for each in classes).cls is max(classes, key=ORDER.index)


def test_the_first_of_equals_speaks() -> None:
    assert (
        merge([outcome(OutcomeClass.TRANSIENT, "a"), outcome(OutcomeClass.TRANSIENT, "b")]).code
        == "a"
    )


def test_nothing_to_merge_is_refused() -> None:
    with pytest.raises(ValueError, match="no outcomes"):
        merge([])


def test_sent_is_ok() -> None:
    assert SENT.ok
    assert not outcome(OutcomeClass.UNKNOWN).ok

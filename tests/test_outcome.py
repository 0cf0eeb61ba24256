"""What an outcome says of itself."""

from __future__ import annotations

import pytest

from airpost.outcome import SENT, Outcome, OutcomeClass, Scope


def test_sent_is_ok() -> None:
    assert SENT.ok


@pytest.mark.parametrize("cls", [each for each in OutcomeClass if each is not OutcomeClass.OK])
def test_nothing_else_is(cls: OutcomeClass) -> None:
    assert not Outcome(cls=cls, scope=Scope.MESSAGE, code="x", text="").ok

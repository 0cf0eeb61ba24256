"""What an outcome says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from airpost import outcome
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope


def test_sent_is_ok() -> None:
    assert SENT.ok


@pytest.mark.parametrize("cls", [each for each in OutcomeClass if each is not OutcomeClass.OK])
def test_nothing_else_is(cls: OutcomeClass) -> None:
    assert not Outcome(cls=cls, scope=Scope.MESSAGE, code="x", text="").ok


def test_each_scope_is_one_that_an_outcome_is_made_with() -> None:
    """A word that nothing says would be one more case for whoever reads it."""
    package = Path(outcome.__file__).parent
    makers = [
        path for layer in ("codec", "modem", "store") for path in (package / layer).rglob("*.py")
    ]
    said = "".join(path.read_text("utf-8") for path in makers)
    assert [each for each in Scope if f"Scope.{each.name}" not in said] == []

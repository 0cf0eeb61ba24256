"""The SQL files."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from airpost.store import statements
from airpost.store.migrations import connect, migrate

FILES = sorted(
    entry.name.removesuffix(".sql")
    for entry in (resources.files("airpost.store") / "sql" / "sqlite").iterdir()
    if not entry.name.startswith("schema_")
)
PACKAGE = Path(statements.__file__).parent


def places(sql: str) -> int:
    """Parameters of a statement: `?` takes the number after the largest before it."""
    most = 0
    for number in re.findall(r"\?(\d*)", sql):
        most = max(most, int(number)) if number else most + 1
    return most


@pytest.mark.parametrize("name", FILES)
def test_every_statement_is_prepared_by_sqlite_and_used(name: str, place: Path) -> None:
    migrate(place / "a.db")
    db = connect(place / "a.db")
    user = (PACKAGE / f"{name}.py").read_text(encoding="utf-8")
    for key, sql in statements.load(name).items():
        named = re.findall(r":(\w+)", sql)
        db.execute(f"EXPLAIN {sql}", dict.fromkeys(named) if named else (None,) * places(sql))
        prefix, _, rest = key.rpartition("_")
        assert f'"{key}"' in user or (rest == "states" or prefix == "last"), f"{key} is not used"
    db.close()


def test_a_name_that_stands_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    statements.load.cache_clear()
    monkeypatch.setattr(statements, "text", lambda _: "-- name: a\nSELECT 1\n-- name: a\nSELECT 2")
    with pytest.raises(ValueError, match="twice"):
        statements.load("x")
    statements.load.cache_clear()


def test_the_comment_of_a_file_is_no_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    statements.load.cache_clear()
    monkeypatch.setattr(statements, "text", lambda _: "-- why\n\n-- name: a\nSELECT 1\n\n")
    assert statements.load("y") == {"a": "SELECT 1"}
    statements.load.cache_clear()

"""The SQL files."""

from __future__ import annotations

import re
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from airpost.outcome import OutcomeClass, Scope
from airpost.store import room, statements
from airpost.store.migrations import connect, migrate

FILES = sorted(
    entry.name.removesuffix(".sql")
    for entry in (resources.files("airpost.store") / "sql" / "sqlite").iterdir()
    if not entry.name.startswith("schema_")
)
PACKAGE = Path(statements.__file__).parent
# What a connection must have beside the tables of the schema.
BEFORE = {
    "room": lambda db: room.install(db),
    "carry": lambda db: db.execute("ATTACH ? AS before", (db.execute(MAIN).fetchone()[0],)),
}
MAIN = "SELECT file FROM pragma_database_list WHERE name = 'main'"
# What that has run, and what cannot be prepared twice, since it makes something.
ONCE = {"room": {"table", "comes", "again", "over", "gone"}}


def places(sql: str) -> int:
    """Parameters of a statement: `?` takes the number after the largest before it."""
    most = 0
    for number in re.findall(r"\?(\d*)", sql):
        most = max(most, int(number)) if number else most + 1
    return most


def used_by(source: str, key: str) -> bool:
    """Whether a statement is named there, whole or by what is put before or behind a word."""
    made = re.findall(r'f"(\w*)\{\w+\}(\w*)"', source)
    return f'"{key}"' in source or any(
        (before or behind) and re.fullmatch(rf"{before}\w+{behind}", key) for before, behind in made
    )


@pytest.mark.parametrize("name", FILES)
def test_every_statement_is_prepared_by_sqlite_and_used(name: str, place: Path) -> None:
    migrate(place / "a.db")
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.py")]
    users = [source for source in sources if f'load("{name}")' in source]
    assert users
    with closing(connect(place / "a.db")) as db:
        BEFORE.get(name, lambda _: None)(db)
        for key, sql in statements.load(name).items():
            if key not in ONCE.get(name, ()):
                named = re.findall(r":(\w+)", sql)
                values = dict.fromkeys(named) if named else (None,) * places(sql)
                db.execute(f"EXPLAIN {sql}", values)
            assert any(used_by(source, key) for source in users), f"{key} is not used"


def test_the_check_itself_finds_what_is_not_used() -> None:
    source = 'db.execute(_SQL["groups"]); db.execute(_SQL[f"all_{what}"]); f"{kind}_states"'
    found = [key for key in ("groups", "all_contacts", "lane_states", "contacts", "all", "at")
             if used_by(source, key)]  # fmt: skip
    assert found == ["groups", "all_contacts", "lane_states"]


@pytest.mark.parametrize(("column", "words"), [("class", OutcomeClass), ("scope", Scope)])
def test_outcomes_are_read_by_the_words_they_are_written_in(
    column: str, words: type[OutcomeClass] | type[Scope]
) -> None:
    compared = re.compile(rf"outcome_{column} (?:=|<>|IN) (?:\(([^)]+)\)|('\w+'))")
    found = [each for name in FILES for each in compared.findall(statements.text(name))]
    assert found
    read = {word for each in found for word in re.findall(r"'(\w+)'", "".join(each))}
    assert read <= {each.value for each in words}


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

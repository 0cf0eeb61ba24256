"""The documents say what the code says."""

from __future__ import annotations

from pathlib import Path

from airpost.services.http.app import CALLS, OPEN_CALLS
from airpost.services.http.problems import KINDS
from airpost.services.http.schemas import SendIn
from airpost.states import diagram

ROOT = Path(__file__).resolve().parent.parent


def test_the_state_diagram_in_the_docs_is_drawn_from_the_table() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{diagram()}\n```" in text


def test_what_the_readme_links_to_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    assert [t for t in targets if "://" not in t and not (ROOT / t.split("#")[0]).exists()] == []


def test_every_call_and_every_problem_is_documented() -> None:
    text = (ROOT / "docs" / "HTTP.md").read_text(encoding="utf-8")
    paths = {path for _, path, *_ in (*CALLS, *OPEN_CALLS)}
    assert [path for path in paths if path not in text] == []
    assert [name for name in KINDS if f"`{name}`" not in text] == []
    fields = {field.alias or name for name, field in SendIn.model_fields.items()}
    assert [name for name in fields if f"`{name}`" not in text] == []

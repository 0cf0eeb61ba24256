"""The documents say what the code says."""

from __future__ import annotations

from pathlib import Path

from airpost.states import diagram

ROOT = Path(__file__).resolve().parent.parent


def test_the_state_diagram_in_the_docs_is_drawn_from_the_table() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{diagram()}\n```" in text


def test_what_the_readme_links_to_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    assert [t for t in targets if "://" not in t and not (ROOT / t.split("#")[0]).exists()] == []

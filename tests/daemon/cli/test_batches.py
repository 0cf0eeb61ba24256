"""`airpost batches`, and `airpost send` to many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airpost.daemon.cli import batches as module
from tests.daemon.cli.conftest import Service, run


def sent(kept: Service, **filters: str) -> list[Any]:
    asked = [each for name, value in filters.items() for each in (f"--{name}", value)]
    return kept.json("messages", *asked)


def test_several_numbers_and_one_that_is_none(kept: Service) -> None:
    said = kept.run("send", "+4930000001", "+4930000002", "nobody", "hi", "--class", "bulk", code=1)
    id_, words = said.stdout.strip().split(" ", 1)
    assert words == "2 accepted, 1 rejected"
    assert said.stderr.startswith("row 2 (nobody): to: ")
    assert [m["to"] for m in sent(kept, batch=id_)] == ["+4930000001", "+4930000002"]
    (listed,) = kept.json("batches")
    assert (listed["id"], listed["state"]) == (id_, "taken")
    shown = kept.run("batches", id_).stdout
    assert "messages: 2 queued\n" in shown
    assert kept.run("batches").stdout.split()[-4:] == ["taken", "3", "2", "1"]
    assert "2 cancelled" in kept.run("batches", id_, "--cancel").stdout
    kept.run("batches", "--cancel", code=2)


def test_a_file_of_a_template(kept: Service, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name;Phone;at\nAda;+4930000001;9:40\n\nEve;x;1\nBob;+49 30 000 0002;10\n")
    args = ("send", "--file", str(file), "--template", "{{ name }}: {{ at }}", "--tag", "t")
    looked = kept.run(*args, "--preview")
    assert looked.stdout.splitlines()[-1] == "2 messages of 2 parts in all"
    assert kept.json("messages") == []
    said = kept.run(*args, "--idempotency-key", "k", code=1)
    assert said.stderr.startswith("line 4 (x): to: ")
    assert [m["text"] for m in sent(kept, tag="t")] == ["Ada: 9:40", "Bob: 10"]
    again = kept.run(*args, "--idempotency-key", "k", code=1)
    assert again.stdout == said.stdout


def test_files_without_a_heading_and_with_texts(kept: Service, tmp_path: Path) -> None:
    bare = tmp_path / "bare.csv"
    bare.write_text("+4930000001\n+4930000002,x\n")
    kept.run("send", "--file", str(bare), "hi")
    texts = tmp_path / "texts.csv"
    texts.write_bytes("\ufeffto\ttext\n+4930000003\tfür Sie\n".encode())
    kept.run("send", "--file", str(texts))
    found = [(m["to"][-1], m["text"]) for m in sent(kept)]
    assert found == [("1", "hi"), ("2", "hi"), ("3", "für Sie")]
    for content in (b"", b"\xff"):
        bare.write_bytes(content)
        kept.run("send", "--file", str(bare), "hi", code=2)
    kept.run("send", "hi", code=2)
    kept.run("send", "123", "hi", "--value", "a=b", code=2)


def test_waiting_for_all(kept: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def pause(_delay_s: float) -> None:
        (batch,) = kept.json("batches")
        kept.run("batches", batch["id"], "--cancel")

    monkeypatch.setattr(module, "pause", pause)
    said = kept.run("send", "+4930000001", "+4930000002", "hi", "--wait", code=1)
    assert said.stdout.endswith(" 2 accepted, 0 rejected: 2 cancelled\n")


def test_where_no_answer_comes_the_key_is_told() -> None:
    said = run("send", "1234", "1235", "x", "--url", "unix:/nowhere", code=3)
    assert "--idempotency-key " in said.stderr

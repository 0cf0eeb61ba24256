"""`airpost audit`: through the service, and of rows that were taken along."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from airpost.audit import Anchor, Entry
from airpost.daemon.cli import audit
from airpost.store.audit import append
from airpost.store.migrations import connect, migrate
from airpost.store.writer import Tx
from tests.daemon.cli.conftest import Service, run
from tests.services.http.fakes import NOW

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airpost.daemon.cli.audit.shutil.which", lambda _name: None)


async def filled(service: Service, count: int = 3) -> list[Anchor]:
    return [
        await service.store.audit.append([Entry(at=NOW, action=f"a{n}", actor="key 1")])
        for n in range(count)
    ]


async def test_who_did_what(service: Service) -> None:
    await filled(service)
    assert [row["action"] for row in service.json("audit", "list")] == ["a0", "a1", "a2"]
    assert [row["action"] for row in service.json("audit", "list", "--last", "1")] == ["a2"]
    assert "key 1" in service.run("audit", "list").stdout


async def test_a_log_is_verified_with_its_anchors(service: Service, tmp_path: Path) -> None:
    (first, *_, newest) = await filled(service)
    said = service.run("audit", "verify").stdout
    assert "nothing was changed or removed inside\n" in said
    assert "looks like a true one" in said
    assert "there is no journalctl" in said
    anchors = tmp_path / "syslog"
    anchors.write_text(f"Nov 30 box airpost: {first}\nother\nNov 30 box airpost: {newest}\n")
    (found,) = service.json("audit", "verify", "--anchors", str(anchors))
    assert found == {
        "rows": 3, "begins": 1, "head": 3, "hash": newest.hash.hex(), "anchors": 2,
        "anchored": 3, "faults": [],
    }  # fmt: skip
    service.store.audit.kept.pop()
    said = service.run("audit", "verify", "--anchors", str(anchors), code=1).output
    assert "the log ends at row 2, and row 3 was anchored: it was cut" in said
    said = service.run("audit", "verify", "--anchors", "-", text=f"{first}\n").stdout
    assert "nothing up to row 1 was written anew" in said


async def test_rows_that_were_taken_along(service: Service, tmp_path: Path) -> None:
    await filled(service)
    kept = tmp_path / "rows"
    kept.write_text(service.run("audit", "list", "--json").stdout)
    assert "nothing was changed" in run("audit", "verify", "--rows", str(kept)).stdout
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    rows[1]["actor"] = "key 2"
    kept.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = run("audit", "verify", "--rows", str(kept), code=1).output
    assert "row 2 was changed" in said
    for wrong in ("{", "[]", '{"n": 1}'):
        kept.write_text(wrong)
        run("audit", "verify", "--rows", str(kept), code=1)


def test_the_journal_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "journalctl"
    anchor = Anchor(7, b"\x07" * 32)
    program.write_text(f'#!/bin/sh\n[ "$2" = mine.service ] && echo "INFO {anchor}"\nexit 0\n')
    program.chmod(0o755)
    monkeypatch.setattr("airpost.daemon.cli.audit.shutil.which", lambda _name: str(program))
    assert audit._journal("mine.service") == ([anchor], "")
    found, words = audit._journal("other.service")
    assert found == []
    assert "no anchor of other.service" in words


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs the Debian package jq")
async def test_anybody_verifies_it_as_the_document_says(service: Service, tmp_path: Path) -> None:
    await filled(service)
    await service.store.audit.append(
        [Entry(at=NOW, action="é", actor='"\\', detail={"z": None, "a": True, "n": 7})]
    )
    kept = tmp_path / "audit.jsonl"
    kept.write_text(service.run("audit", "list", "--json").stdout)
    text = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    script = text.split("```sh\n")[1].split("```")[0]

    def said() -> str:
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True)
        return done.stdout + done.stderr

    assert said() == ""
    kept.write_text(kept.read_text().replace("a1", "a7"))
    assert said().startswith('not sound: {"n": 2')


def test_a_store_at_rest_is_read_and_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    config = tmp_path / "airpost.toml"
    config.write_text('[store]\nurl = "sqlite:///a.db"')
    monkeypatch.setenv("AIRPOST_URL", f"unix:{tmp_path}/none")
    assert "cannot be read" in run("audit", "verify", "--config", str(config), code=1).output
    migrate(path)
    with closing(connect(path)) as db:
        append(Tx(db, Random(1)), [Entry(at=NOW, action=f"a{n}", actor="x") for n in range(3)])
    before = path.read_bytes()
    assert "rows: 3" in run("audit", "verify", "--config", str(config)).stdout
    assert "a2" in run("audit", "list", "--last", "1", "--config", str(config)).stdout
    assert path.read_bytes() == before
    with closing(connect(path)) as db:
        db.execute("DROP TRIGGER audit_is_kept")
        db.execute("DELETE FROM audit WHERE n = 2")
    said = run("audit", "verify", "--config", str(config), code=1).output
    assert "row 3 stands behind row 1" in said

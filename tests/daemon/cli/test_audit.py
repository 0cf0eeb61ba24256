"""`airpost audit`: through the service, and of rows that were taken along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airpost.audit import Anchor, Entry
from airpost.daemon.cli import audit
from tests.daemon.cli.conftest import Service, run
from tests.services.http.fakes import NOW


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

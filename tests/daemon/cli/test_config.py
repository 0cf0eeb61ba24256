"""`airpost config check`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.daemon.cli.conftest import run

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def test_the_example_is_good() -> None:
    example = str(ROOT / "config.example.toml")
    assert run("config", "check", example).stdout.splitlines()[-1] == "ok"
    shown = json.loads(run("config", "check", example, "--json").stdout)
    assert (shown["ok"], shown["modems"]) == (True, [])


def test_what_is_wrong_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[http]\nlisen = ["x"]')
    said = run("config", "check", str(path), code=1).stderr
    assert said == f"Error: {path}: http.lisen: is no known key; did you mean 'listen'?\n"
    shown = json.loads(run("config", "check", str(path), "--json", code=1).stdout)
    assert (shown["ok"], shown["path"]) == (False, "http.lisen")
    run("config", "check", str(tmp_path / "none"), code=1)


def test_a_profile_that_would_be_left_out_is_told(tmp_path: Path) -> None:
    path, folder = tmp_path / "a.toml", tmp_path / "mine"
    path.write_text(f'[store]\nurl = "sqlite:///a.db"\n[modems]\nprofiles = "{folder}"')
    folder.mkdir()
    assert json.loads(run("config", "check", str(path), "--json").stdout)["notes"] == []
    (folder / "odd.toml").write_text("name = 7")
    done = run("config", "check", str(path))
    assert done.stdout.splitlines()[-1] == "ok"
    assert f"note: the profile {folder}/odd.toml: " in done.stderr
    assert "left out" in done.stderr
    (note,) = json.loads(run("config", "check", str(path), "--json").stdout)["notes"]
    assert "odd.toml" in note


def test_a_store_that_has_no_place_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[store]\nurl = "sqlite:///none/a.db"')
    said = run("config", "check", str(path), code=1).stderr
    assert said.startswith(f"Error: {path}: store.url: the folder {tmp_path / 'none'} is not there")
    (tmp_path / "none").mkdir()
    assert run("config", "check", str(path)).stdout.splitlines()[-1] == "ok"
    assert json.loads(run("config", "check", str(path), "--json").stdout)["notes"] == []


def test_a_certificate_that_the_service_would_not_start_with_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[store]\nurl = "sqlite:///a.db"\n[tls]\ncert = "a.crt"\nkey = "a.key"')
    assert (
        f"tls: {tmp_path}/a.crt cannot be read" in run("config", "check", str(path), code=1).stderr
    )
    (tmp_path / "a.crt").touch()
    (tmp_path / "a.key").touch()
    assert "cannot be used" in run("config", "check", str(path), code=1).stderr

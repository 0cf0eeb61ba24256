"""A store is opened by a command only for the service of this machine, when that is not running."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.cli.conftest import run


def test_another_service_is_never_stood_in_for(tmp_path: Path) -> None:
    config = tmp_path / "airpost.toml"
    config.write_text('[store]\nurl = "sqlite:///a.db"')
    for url in (f"unix:{tmp_path}/no.sock", "http://127.0.0.1:9"):
        run("db", "prune", "--url", url, "--config", str(config), code=3)
    run("db", "prune", "--config", str(tmp_path / "none.toml"), code=3)
    assert not (tmp_path / "a.db").exists()

"""A store is opened by a command only for the service of this machine, when that is not running."""

from __future__ import annotations

from pathlib import Path

import pytest

from airpost.daemon.cli.offline import store_path_in
from airpost.errors import ConfigError
from tests.daemon.cli.conftest import run


def test_another_service_is_never_stood_in_for(tmp_path: Path) -> None:
    config = tmp_path / "airpost.toml"
    config.write_text('[store]\nurl = "sqlite:///a.db"')
    for url in (f"unix:{tmp_path}/no.sock", "http://127.0.0.1:9"):
        run("db", "prune", "--url", url, "--config", str(config), code=3)
    run("db", "prune", "--config", str(tmp_path / "none.toml"), code=3)
    assert not (tmp_path / "a.db").exists()


def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    config = tmp_path / "airpost.toml"
    config.write_text('[store]\nurl = "sqlite:///a.db"')
    assert store_path_in(config) == tmp_path / "a.db"
    config.write_text("[stor]")
    with pytest.raises(ConfigError, match=f"^{config}: stor: is no known key"):
        store_path_in(config)
    with pytest.raises(ConfigError, match=f"^{tmp_path}/no: cannot be read: No such file"):
        store_path_in(tmp_path / "no")

"""Where the store is to lie is looked at before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airpost.daemon.config.places import check_carriers, check_places, check_routes
from airpost.daemon.config.settings import STATE_FOLDER
from airpost.errors import ConfigError
from tests.daemon.config.reading import MODEM, read


def places(path: Path) -> tuple[str, ...]:
    return check_places(read(f'[store]\nurl = "sqlite:///{path}"'))


def test_the_place_of_the_store_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert places(tmp_path / "a.db") == ()
    (tmp_path / "file").write_text("")
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "file" / "a.db", "is no folder"),
        (tmp_path / "new" / "a.db", "is not there; make it"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            places(path)
        assert caught.value.path == "store.url"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot write" in places(tmp_path / "a.db")[0]


def test_the_folder_that_systemd_makes_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert "systemd makes it" in places(STATE_FOLDER / "airpost.db")[0]


def test_a_route_that_can_carry_nothing_is_noted_and_stops_no_service() -> None:
    """A section may be gone, or its modem found by itself since: the other routes go on."""
    text = (
        MODEM
        + """
    route = ["named"]
    [[route]]
    name = "nobody"
    class = ["otp"]
    [[route]]
    name = "named"
    [[route]]
    name = "grouped"
    groups = [{ a = 1, gone = 1 }, { gone = 1, m-4711 = 1, u-1-1 = 1, aa = 1 }]
    """
    )
    nobody, gone, near = check_routes(read(text))
    assert nobody.startswith("route nobody: no modem serves it, its messages wait for ever")
    assert "route grouped: no [[modem]] has the name 'gone'" in gone
    assert gone.endswith("that of one that is found begins with m- or u-")
    assert near.endswith(
        "'aa', and that of one that is found begins with m- or u-; did you mean 'a'?"
    )
    assert list(check_routes(read(MODEM))) == []


def test_a_carrier_that_no_number_tells_is_noted() -> None:
    text = '[[route]]\nname = "default"\n'
    text += 'carrier = ["Chinna Mobile", "china-mobile", "46000", "Qqqqqq"]\n'
    text += '[carriers]\n"China Unicom" = ["46000"]'
    assert list(check_carriers(read(text))) == [
        "route default: no number tells a carrier 'chinnamobile'; did you mean 'China Mobile'?",
        "route default: no number tells a carrier 'qqqqqq'",
    ]
    assert list(check_carriers(read('[[route]]\nname = "default"'))) == []

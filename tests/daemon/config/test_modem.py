"""`[[modem]]`: which modem it is, and where its PIN comes from."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from airpost.errors import ConfigError
from tests.daemon.config.reading import MODEM, NAMED, read


@pytest.mark.parametrize(
    ("key", "value"),
    [("imei", "490154203237518"), ("iccid", "8949020000012345678"), ("usb_path", "1-1.4:1.2")],
)
def test_a_lane_may_be_bound_to_a_modem_a_sim_or_a_place(key: str, value: str) -> None:
    (modem,) = read(f'{NAMED}{key} = "{value}"').modems
    assert getattr(modem, key) == value
    assert modem.port is None


def test_a_port_that_does_not_last_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    read(MODEM)
    assert caplog.text == ""
    read(f'{NAMED}port = "/dev/ttyUSB2"')
    assert "another modem after the next plug" in caplog.text


def test_a_pin_comes_from_credentials_before_the_folder(tmp_path: Path) -> None:
    folder, credentials = tmp_path / "etc", tmp_path / "credentials"
    folder.mkdir()
    credentials.mkdir()
    (folder / "p").write_text("1111")
    text = MODEM + 'pin_file = "p"'
    env = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert read(text, folder, **env).modems[0].pin == "1111"
    (credentials / "p").write_text("2222")
    assert read(text, folder, **env).modems[0].pin == "2222"
    absolute = MODEM + f'pin_file = "{folder / "p"}"'
    assert read(absolute, tmp_path).modems[0].pin == "1111"


def test_a_credential_that_is_loaded_anew_is_not_another_pin(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    text = MODEM + 'pin_file = "p"'

    def mark(start: str, pin: str) -> str:
        """As systemd does it: a new file at every start."""
        credentials = tmp_path / start
        credentials.mkdir()
        (credentials / "p").write_text(pin)
        return read(text, folder, CREDENTIALS_DIRECTORY=str(credentials)).modems[0].pin_mark

    # Its source is somewhere we cannot see.
    assert mark("1", "1111") == mark("2", "1111") == mark("3", "2222")
    # Its source lies beside the configuration.
    (folder / "p").write_text("1111")
    os.utime(folder / "p", (1, 1))
    first = mark("4", "1111")
    assert mark("5", "1111") == first
    os.utime(folder / "p", (2, 2))
    assert mark("6", "2222") != first


@pytest.mark.parametrize("content", [b"12", b"123456789", b"12a4", b"", b"\xff\xff\xff\xff"])
def test_a_pin_that_is_none_is_not_repeated(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(MODEM + 'pin_file = "p"', tmp_path)
    assert caught.value.path == "modem.0.pin_file"
    assert "does not hold four to eight digits" in caught.value.message
    assert "12a4" not in str(caught.value)

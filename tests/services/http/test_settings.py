"""Listeners as text, and the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from airpost.services.http.settings import (
    AuthMode,
    HttpSettings,
    TcpListen,
    UnixListen,
    parse_listen,
)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:8775", True),
        ("127.9.9.9:0", True),
        ("[::1]:80", True),
        ("localhost:1", True),
        ("0.0.0.0:80", False),
        ("[::]:80", False),
        ("192.168.1.4:80", False),
        ("localhost.example:80", False),
    ],
)
def test_tcp(text: str, loopback: bool) -> None:
    listen = parse_listen(text)
    assert isinstance(listen, TcpListen)
    assert listen.loopback is loopback
    assert str(listen) == text


def test_unix(tmp_path: Path) -> None:
    listen = parse_listen("unix:/run/airpost/http.sock")
    assert listen == UnixListen(path=Path("/run/airpost/http.sock"))
    assert str(listen) == "unix:/run/airpost/http.sock"
    made = UnixListen(path=tmp_path / "new" / "s")
    assert made.or_beside(tmp_path) is made
    assert made.path.parent.is_dir()
    (tmp_path / "file").touch()
    blocked = UnixListen(path=tmp_path / "file" / "s")
    assert blocked.or_beside(tmp_path).path == tmp_path / "s"


@pytest.mark.parametrize(
    "text",
    ["", "8775", ":8775", "host", "host:65536", "host:x", "[::g]:1", "[1::2::3]:1", "::1:80",
     "unix:relative", "unix:", "unix:/" + "x" * 107],
)  # fmt: skip
def test_what_is_no_listener(text: str) -> None:
    with pytest.raises(ValueError):
        parse_listen(text)


def test_defaults() -> None:
    settings = HttpSettings()
    assert settings.auth is AuthMode.KEYS
    assert [str(each) for each in settings.listen] == [
        "127.0.0.1:8775",
        "unix:/run/airpost/http.sock",
    ]

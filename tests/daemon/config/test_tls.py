"""`[tls]`, and listeners that say whether they speak it."""

from __future__ import annotations

from pathlib import Path

import pytest

from airpost.errors import ConfigError
from airpost.services.http.settings import TcpListen
from airpost.services.http.tls import ClientCerts, TlsSettings
from tests.daemon.config.reading import read

TLS = '[tls]\ncert = "tls.crt"\nkey = "/k/tls.key"\n'


def test_files_lie_beside_the_configuration_or_among_the_credentials(tmp_path: Path) -> None:
    assert read("").http.tls is None
    found = read(TLS, tmp_path).http.tls
    assert found == TlsSettings(cert=tmp_path / "tls.crt", key=Path("/k/tls.key"))
    (tmp_path / "tls.crt").touch()
    given = TLS + 'client_ca = "ca.pem"\nclient_certs = "optional"\n'
    found = read(given, Path("/etc/airpost"), CREDENTIALS_DIRECTORY=str(tmp_path)).http.tls
    assert found == TlsSettings(
        cert=tmp_path / "tls.crt", key=Path("/k/tls.key"), client_ca=Path("/etc/airpost/ca.pem"),
        client_certs=ClientCerts.OPTIONAL,
    )  # fmt: skip


def test_a_listener_may_say_what_it_speaks() -> None:
    given = '[http]\nlisten = ["0.0.0.0:1", "https://[::]:2", "http://127.0.0.1:3"]\n'
    assert read(given + TLS).http.listen == (
        TcpListen(host="0.0.0.0", port=1), TcpListen(host="::", port=2, tls=True),
        TcpListen(host="127.0.0.1", port=3, tls=False),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (TLS + 'client_certs = "optional"', r"tls\.client_certs: needs client_ca"),
        ('[tls]\ncert = "a"', r"tls\.key"),
        ('[http]\nlisten = ["https://127.0.0.1:1"]', r"http\.listen\.0: https needs"),
        ('[http]\nlisten = ["http://0.0.0.0:1"]\n' + TLS, r"http\.listen\.0: beside \[tls\]"),
        ('[http]\nlisten = ["a:1", "http://a:1"]', r"http\.listen\.1: .* twice"),
    ],
)
def test_what_cannot_be(text: str, where: str) -> None:
    with pytest.raises(ConfigError, match=where):
        read(text)

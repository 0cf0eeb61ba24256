"""`[tls]`: the certificate of the TCP listeners."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from airpost.daemon.config.modem import CREDENTIALS
from airpost.daemon.config.section import Section
from airpost.errors import ConfigError
from airpost.services.http.tls import ClientCerts, TlsSettings


class TlsSection(Section):
    """`[tls]`."""

    cert: str
    key: str
    client_ca: str | None = None
    client_certs: Literal["required", "optional"] | None = None


def tls_settings(
    given: TlsSection | None, folder: Path, env: Mapping[str, str]
) -> TlsSettings | None:
    """The settings; a file is looked for among the credentials first, then in `folder`."""
    if given is None:
        return None
    if given.client_certs is not None and given.client_ca is None:
        raise ConfigError("tls.client_certs", "needs client_ca: whose certificates are to count")
    return TlsSettings(
        cert=_file(given.cert, folder, env),
        key=_file(given.key, folder, env),
        client_ca=None if given.client_ca is None else _file(given.client_ca, folder, env),
        client_certs=ClientCerts(given.client_certs or "required"),
    )


def _file(name: str, folder: Path, env: Mapping[str, str]) -> Path:
    credentials = env.get(CREDENTIALS)
    if credentials and (Path(credentials) / name).is_file():
        return Path(credentials) / name
    return folder / name

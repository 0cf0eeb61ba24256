"""Certificates for tests, made by openssl(1) once a run."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

# What `openssl ca` wants, which alone may make a certificate of another time.
_CA = """\
[ca]
default_ca = it
[it]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
[any]
commonName = supplied
"""


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="airpost-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def made(name: str) -> tuple[Path, Path]:
    """(certificate, key) of `localhost` whose common name is `name`, signed by itself."""
    folder = _folder() / name
    folder.mkdir()
    _openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", "key.pem", "-out", "cert.pem", "-subj", f"/CN={name}", "-days", "30",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


@cache
def expired() -> tuple[Path, Path]:
    """One that was valid in 2020."""
    folder = _folder() / "expired"
    folder.mkdir()
    key = made("first")[1]
    (folder / "ca.conf").write_text(_CA)
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    _openssl(folder, "req", "-new", "-key", str(key), "-subj", "/CN=old", "-out", "request.pem")
    _openssl(
        folder, "ca", "-batch", "-selfsign", "-config", "ca.conf", "-keyfile", str(key),
        "-in", "request.pem", "-out", "cert.pem", "-notext",
        "-startdate", "20200101000000Z", "-enddate", "20210101000000Z",
    )  # fmt: skip
    return folder / "cert.pem", key


def _openssl(folder: Path, *given: str) -> None:
    subprocess.run(["openssl", *given], cwd=folder, check=True, capture_output=True)


class Files:
    """A certificate and a key in a folder, replaced as a renewal does."""

    def __init__(self, folder: Path) -> None:
        self.cert, self.key = folder / "tls.crt", folder / "tls.key"

    def put(self, cert: Path, key: Path) -> None:
        for source, to in ((cert, self.cert), (key, self.key)):
            fresh = to.with_suffix(".new")
            shutil.copy(source, fresh)
            fresh.replace(to)

"""The certificate of the TCP listeners, and the next one without a restart.

Stdlib and L0. TLS 1.2 at least (the defaults of `ssl` and OpenSSL name the suites). A certificate
that cannot be used never takes the place of one that can.
"""

from __future__ import annotations

import logging
import ssl
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from airpost.errors import ConfigError

log = logging.getLogger("airpost.http")
LOOK_EVERY_S = 10.0  # for files that changed
_ROUNDS = 8  # a handshake has four or five


class ClientCerts(Enum):
    """What is asked of a caller."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Files of PEM: the certificate with its chain, its key, and whose client certificates count.

    `client_ca` None: no client certificate is asked for.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None
    client_certs: ClientCerts = ClientCerts.REQUIRED


class Tls:
    """What new connections are spoken to with. ConfigError when the files cannot be used."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._seen = self._marks()
        try:
            self.context, self.until = _load(settings)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigError("tls", _words(error, settings)) from None
        if not self.until:
            log.warning("http.certificate_expired cert=%s", settings.cert)
        if settings.key.stat().st_mode & stat.S_IROTH:
            log.warning("http.key_file_open key=%s: everybody on this machine may read it",
                        settings.key)  # fmt: skip

    def changed(self) -> bool:
        """True when a file is another than when it was last loaded, or tried."""
        return self._marks() != self._seen

    def reload(self) -> str | None:
        """Take what the files hold now for new connections; None, or why the old ones stay."""
        self._seen = self._marks()
        try:
            context, until = _load(self._settings)
            words = "" if until else "it has expired, or is not valid yet"
        except (OSError, ValueError) as error:
            words = _words(error, self._settings)
        if words:
            log.warning("http.certificate_kept the new one cannot be used: %s", words)
            return words
        self.context, self.until = context, until
        log.info("http.certificate cert=%s until=%s", self._settings.cert, until.replace(" ", "_"))
        return None

    def _marks(self) -> tuple[object, ...]:
        given = (self._settings.cert, self._settings.key, self._settings.client_ca)
        return tuple(_mark(path) for path in given if path is not None)


def _mark(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _words(error: Exception, settings: TlsSettings) -> str:
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return f"{settings.cert} and {settings.key} cannot be used: {reason}"
    if isinstance(error, OSError):
        return f"{error.filename or settings.cert} cannot be read: {error.strerror}"
    return str(error)


def _load(settings: TlsSettings) -> tuple[ssl.SSLContext, str]:
    """A context, and until when its certificate is valid; "" when it is not valid now."""
    for path in (settings.cert, settings.key, settings.client_ca):
        if path is not None:
            path.open("rb").close()  # ssl does not say which file it cannot read
    until = _valid_until(_context(settings), settings.cert)
    context = _context(settings)
    if settings.client_ca is not None:
        context.load_verify_locations(cafile=settings.client_ca)
        required = settings.client_certs is ClientCerts.REQUIRED
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        # A session that is resumed shows no certificate again: none outlives its authority here.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context, until


def _context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(settings.cert, settings.key, password=_no_password)
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted; airpost has nobody to ask for its password")


def _valid_until(server: ssl.SSLContext, cert: Path) -> str:
    """When the certificate ends, as a client sees it that trusts just this one; "" if it does not.

    A handshake in memory: `ssl` tells what is in a certificate only of one that was verified.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cafile=cert)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(down, up)
    called = server.wrap_bio(up, down, server_side=True)
    for _ in range(_ROUNDS):
        for side in (caller, called):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return ""
    found = caller.getpeercert() or {}
    return str(found.get("notAfter", ""))

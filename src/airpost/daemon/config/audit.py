"""`[audit]`: where the anchors of the audit log go, beside the journal."""

from __future__ import annotations

from urllib.parse import urlsplit

from airpost.daemon.config.section import Section
from airpost.errors import ConfigError
from airpost.services.anchors import Syslog, Transport

SYSLOG_PORT = 514


class AuditSection(Section):
    """`[audit]`."""

    syslog: str | None = None


def syslog_of(given: AuditSection) -> Syslog | None:
    """The remote syslog, where one is set; ConfigError."""
    if given.syslog is None:
        return None
    wrong = ConfigError("audit.syslog", "is udp://host:port or tcp://host:port")
    try:
        parts = urlsplit(given.syslog)
        transport, port = Transport(parts.scheme), parts.port
    except ValueError:
        raise wrong from None
    if not parts.hostname or parts.path or parts.query or parts.username is not None:
        raise wrong
    return Syslog(transport=transport, host=parts.hostname, port=port or SYSLOG_PORT)

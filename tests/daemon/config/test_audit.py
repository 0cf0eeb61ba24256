"""`[audit]`."""

from __future__ import annotations

import pytest

from airpost.errors import ConfigError
from airpost.services.anchors import Syslog, Transport
from tests.daemon.config.reading import read


def test_a_remote_syslog() -> None:
    assert read("").syslog is None
    found = read('[audit]\nsyslog = "udp://logs.lan"').syslog
    assert found == Syslog(transport=Transport.UDP, host="logs.lan", port=514)
    found = read('[audit]\nsyslog = "tcp://[::1]:6514"').syslog
    assert found == Syslog(transport=Transport.TCP, host="::1", port=6514)


@pytest.mark.parametrize("wrong", ["logs.lan", "tls://a:1", "udp://", "udp://a:x", "tcp://a/b"])
def test_what_is_none(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"audit\.syslog: is udp://host:port"):
        read(f'[audit]\nsyslog = "{wrong}"')


def test_the_file_is_told_by_its_digest() -> None:
    assert read("").digest != read("\n").digest
    assert read('[retention]\naudit = "2y"').http.retention.audit_d == 732

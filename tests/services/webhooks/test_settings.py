"""Entries of the allow-list."""

from __future__ import annotations

import ipaddress

import pytest

from airpost.services.webhooks.settings import Allowed, parse_allowed


@pytest.mark.parametrize(
    ("text", "network", "host", "port"),
    [
        ("192.168.0.0/16", "192.168.0.0/16", None, None),
        ("10.1.2.3:8080", "10.1.2.3/32", None, 8080),
        ("[fd00::/8]", "fd00::/8", None, None),
        ("[fd00::1]:443", "fd00::1/128", None, 443),
        ("ERP.example.com", None, "erp.example.com", None),
        ("*.plant.example:8443", None, "*.plant.example", 8443),
        ("localhost", None, "localhost", None),
    ],
)
def test_entries(text: str, network: str | None, host: str | None, port: int | None) -> None:
    net = None if network is None else ipaddress.ip_network(network)
    assert parse_allowed(text) == Allowed(network=net, host=host, port=port)


@pytest.mark.parametrize("text", ["", "http://x", "10.0.0.1/8", "a b", "x:0", "x:99999", "*", "-x"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_allowed(text)


def test_a_star_means_every_host_below() -> None:
    star = parse_allowed("*.example.com")
    assert star.names("a.example.com", 1)
    assert star.names("a.b.example.com", 1)
    assert not star.names("example.com", 1)
    assert not star.names("badexample.com", 1)
    assert not parse_allowed("a.example.com:1").names("a.example.com", 2)

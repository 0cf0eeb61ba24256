"""Where events may go, however the address is written."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from airpost.services.webhooks import targets
from airpost.services.webhooks.settings import parse_allowed
from airpost.services.webhooks.targets import PinnedResolver, TargetRefused, Targets


def allowing(*entries: str) -> Targets:
    return Targets([parse_allowed(entry) for entry in entries])


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names mean; anything else is looked up by the system, as numbers."""
    known: dict[str, list[str]] = {}

    async def looked_up(host: str, port: int) -> list[targets.Address]:
        if host in known:
            return [targets.unmapped(targets.ipaddress.ip_address(each)) for each in known[host]]
        return await real(host, port)

    real = targets.looked_up
    monkeypatch.setattr(targets, "looked_up", looked_up)
    return known


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/", "http://127.0.0.1/", "http://8.8.8.8/", "https://8.8.8.8/",
     "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://0x7f.1/",
     "http://169.254.169.254/latest", "http://0/"],
)  # fmt: skip
async def test_nothing_is_allowed_until_it_is_named(url: str) -> None:
    with pytest.raises(TargetRefused) as caught:
        await allowing().check(url)
    assert caught.value.setting == "webhooks.allow"


async def test_what_is_named_is_allowed_and_plain_http_in_private_ranges_alone() -> None:
    listed = allowing("192.168.0.0/16", "10.1.2.3:8080", "8.8.8.8", "127.0.0.1:9")
    for url in ("http://192.168.1.20/x?y=z", "https://192.168.1.20:444", "http://10.1.2.3:8080/",
                "https://8.8.8.8/", "http://[::ffff:192.168.3.4]/",
                "http://127.0.0.1:9/"):  # fmt: skip
        await listed.check(url)
    for url in ("http://10.1.2.3/", "http://127.0.0.1/", "http://192.169.1.1/", "http://8.8.8.8/"):
        with pytest.raises(TargetRefused):
            await listed.check(url)


@pytest.mark.parametrize(
    "url",
    ["ftp://10.0.0.1/", "http:///x", "10.0.0.1", "http://a:b@10.0.0.1/", "http://10.0.0.1/#x",
     "http://10.0.0.1:99999/", "http://10.0.0.1/ x", "http://10.0.0.1/\n", "http://bücher.example/",
     "http://[::1/", "http://10.0.0.1/" + "x" * 3000],
)  # fmt: skip
async def test_what_is_no_target(url: str) -> None:
    with pytest.raises(TargetRefused) as caught:
        await allowing("10.0.0.0/8", "bücher.example".encode("idna").decode()).check(url)
    assert caught.value.setting is None


async def test_a_name_by_itself_or_by_its_addresses(names: dict[str, list[str]]) -> None:
    names |= {"erp.lan": ["192.168.1.5"], "mixed.lan": ["127.0.0.1", "192.168.1.6"],
              "shop.example": ["93.184.216.34"], "evil.example": ["127.0.0.1"]}  # fmt: skip
    by_net = allowing("192.168.0.0/16")
    await by_net.check("http://erp.lan/")
    with pytest.raises(TargetRefused):
        await by_net.check("https://shop.example/")
    by_name = allowing("*.example", "erp.lan", "not-there.invalid")
    await by_name.check("https://shop.example/")
    await by_name.check("http://erp.lan./")
    await by_name.check("http://not-there.invalid/")  # it may be there tomorrow
    for url in ("http://shop.example/", "https://evil.example/"):
        with pytest.raises(TargetRefused):
            await by_name.check(url)


async def resolved(resolver: PinnedResolver, host: str, **more: Any) -> list[str]:
    return [each["host"] for each in await resolver.resolve(host, 80, **more)]


async def test_what_is_connected_to_is_what_was_looked_at(names: dict[str, list[str]]) -> None:
    resolver = PinnedResolver(allowing("192.168.0.0/16"), "http")
    names["a.lan"] = ["127.0.0.1", "192.168.1.6", "192.168.1.7"]
    assert await resolved(resolver, "a.lan") == ["192.168.1.6", "192.168.1.7"]
    names["a.lan"] = ["127.0.0.1"]  # it means something else a moment later
    with pytest.raises(OSError, match="not among the targets"):
        await resolved(resolver, "a.lan")
    names["a.lan"] = ["192.168.1.6"]
    with pytest.raises(OSError, match="of that kind"):
        await resolved(resolver, "a.lan", family=socket.AF_INET6)
    await resolver.close()

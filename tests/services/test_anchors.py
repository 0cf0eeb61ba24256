"""Anchors: at a change, at most once a minute, at the end; to the journal and a remote syslog."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from airpost.audit import Anchor, anchors_in
from airpost.services.anchors import Anchors, Syslog, Transport
from tests.services.http.fakes import FakeClock
from tests.virtual import VirtualLoop, run_virtual


def head(n: int) -> Anchor:
    return Anchor(n, bytes([n]) * 32)


def test_at_most_once_a_minute_and_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    def told() -> list[int]:
        return [anchor.n for anchor in anchors_in(caplog.messages)]

    async def life(loop: VirtualLoop) -> None:
        clock = FakeClock(loop.time)
        anchors = Anchors(clock)
        await anchors.close()
        assert told() == []  # nothing is known of the log
        anchors.changed(head(1))
        await clock.sleep(0.1)
        assert told() == [1]
        for n in range(2, 92):
            anchors.changed(head(n))
            await clock.sleep(1)
        assert told() == [1, 61]
        await clock.sleep(60)
        assert told() == [1, 61, 91]
        await clock.sleep(3600)
        assert told() == [1, 61, 91]  # nothing changes: nothing is to be told
        anchors.changed(head(92))
        anchors.changed(head(90))  # written earlier, told later
        anchors.changed(head(93))
        await anchors.close()
        assert told() == [1, 61, 91, 93]

    run_virtual(life)


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, got: asyncio.Queue[bytes]) -> None:
        self._got = got

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self._got.put_nowait(data)


@pytest.mark.parametrize("transport", list(Transport))
async def test_a_remote_syslog_is_told(transport: Transport) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.put_nowait(await reader.read())
        writer.close()

    server: asyncio.Server | None = None
    if transport is Transport.UDP:
        end, _ = await loop.create_datagram_endpoint(
            lambda: _Receiver(got), local_addr=("127.0.0.1", 0)
        )
        port = end.get_extra_info("sockname")[1]
    else:
        server = await asyncio.start_server(stream, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    anchors = Anchors(FakeClock(), Syslog(transport=transport, host="127.0.0.1", port=port))
    anchors.changed(head(5))
    async with asyncio.timeout(5):
        line = await got.get()
    if server is None:
        end.close()
    else:
        server.close()
        length, line = line.split(b" ", 1)
        assert int(length) == len(line)
    assert re.match(
        rb"<109>1 2026-01-02T03:04:05\.678Z \S+ airpost \d+ audit - audit\.anchor", line
    )
    assert anchors_in([line.decode()]) == [head(5)]


async def test_a_syslog_that_is_away_is_told_of_and_costs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    syslog = Syslog(transport=Transport.TCP, host="127.0.0.1", port=port)
    anchors = Anchors(FakeClock(), syslog)
    anchors.changed(head(5))
    await anchors.close()
    assert anchors_in(caplog.messages) == [head(5)]
    assert f"audit.syslog_unreachable at=tcp://127.0.0.1:{port}" in caplog.text
    assert str(Syslog(transport=Transport.UDP, host="::1", port=514)) == "udp://[::1]:514"


def test_a_syslog_that_was_away_is_told_the_newest_when_it_is_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    sent: list[bytes] = []
    away = True

    async def send(_to: Syslog, line: bytes) -> None:
        if away:
            raise ConnectionRefusedError(111, "refused")
        sent.append(line)

    monkeypatch.setattr("airpost.services.anchors._send", send)

    async def life(loop: VirtualLoop) -> None:
        nonlocal away
        clock = FakeClock(loop.time)
        anchors = Anchors(clock, Syslog(transport=Transport.TCP, host="::1", port=514))
        anchors.changed(head(5))
        await clock.sleep(600)
        assert caplog.text.count("syslog_unreachable") == 1
        assert len(anchors_in(caplog.messages)) == 1
        away = False
        await clock.sleep(61)
        assert anchors_in([line.decode() for line in sent]) == [head(5)]
        await clock.sleep(600)
        assert len(sent) == 1
        await anchors.close()

    run_virtual(life)
    assert "audit.syslog_reached" in caplog.text

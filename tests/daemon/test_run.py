"""One run of the daemon in virtual time: order of stop, what the service manager is told."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sqlite3
from pathlib import Path
from random import Random

import pytest

from airpost.audit import anchors_in, verify
from airpost.clock import Instant, LoopClock
from airpost.daemon.config.settings import Settings, SmsSettings, StoreSettings
from airpost.daemon.run import Daemon
from airpost.daemon.sdnotify import Notifier
from airpost.errors import ConfigError, StoreError
from airpost.model import MessageId
from airpost.services.http.settings import AuthMode, HttpSettings, UnixListen, parse_listen
from airpost.services.http.tls import LOOK_EVERY_S, TlsSettings
from airpost.store.audit import rows
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn
from hwsim.pool import START_US
from tests.services.http.certificates import Files, made
from tests.system.house import House, opened
from tests.virtual import VirtualLoop, run_virtual


def daemon(loop: VirtualLoop, folder: Path, notifier: Notifier | None = None) -> Daemon:
    """One without modems."""
    settings = Settings(
        store=StoreSettings(path=folder / "airpost.db"),
        http=HttpSettings(listen=(UnixListen(path=folder / "s"),), auth=AuthMode.NONE),
        sms=SmsSettings(),
        modems=(),
        clock_wait_s=0,
    )
    made = Daemon(settings, LoopClock(loop.time, Instant(START_US)), Random(1),
                  notifier or Notifier({}))  # fmt: skip
    loop.busy["store of the daemon"] = lambda: made.parts.store.pending > 0
    return made


def test_stop_finishes_the_segment_on_the_air_and_answers_503_meanwhile(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, air_s=20.0) as house:
            sent = await house.post()
            await house.until(lambda: house.sim.modems[0].sends)
            await house.post(text="too late to begin")
            house.daemon.stop()
            await asyncio.sleep(1)
            answer = await house.post(text="too late", status=503)
            assert answer["type"] == "urn:airpost:problem:stopping"
            await house.until(lambda: house.sim.modems[0].sends[-1].final == "OK")
            await asyncio.sleep(5)
            assert len(house.sim.modems[0].sends) == 1
            await house.http.close()
            await _again(house, sent["id"])

    run_virtual(main)


async def _again(house: House, message_id: str) -> None:
    assert house._running is not None
    await house._running
    await house.start()
    message = await house.message(message_id)
    assert message["parts"][0]["state"] in ("sent", "delivered")
    assert message["possible_duplicates"] == 0


def test_a_long_poll_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path) as house:
            poll = spawn(house.get("/v1/inbound?wait_s=60"), name="poll")
            await asyncio.sleep(1)
            began = loop.time()
            house.daemon.stop()
            assert (await poll)["items"] == []
            assert house._running is not None
            await house._running
            assert loop.time() - began < 1

    run_virtual(main)


def test_without_a_modem_it_serves_and_stops(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        made = daemon(loop, tmp_path)
        running = spawn(made.run(), name="run")
        await made.started.wait()
        assert made.addresses == (f"unix:{tmp_path / 's'}",)
        made.stop()
        await running

    run_virtual(main)


def test_two_on_one_store_is_a_mistake_that_is_named(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path):
            with pytest.raises(ConfigError, match="in use"):
                await daemon(loop, tmp_path).run()

    run_virtual(main)


def test_the_service_manager_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.setblocking(False)
        env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "20000000"}

        def listen() -> None:
            try:
                while True:
                    told.append(manager.recv(4096).decode())
            except BlockingIOError:
                pass

        async def main(loop: VirtualLoop) -> None:
            made = daemon(loop, tmp_path, Notifier(env))
            running = spawn(made.run(), name="run")
            await made.started.wait()
            for _ in range(4):
                await asyncio.sleep(9.0)  # half of what systemd allows is 10 s
                listen()
                assert "WATCHDOG=1" in told[-4:]
            made.stop()
            await running
            listen()

        run_virtual(main)
    assert told[0] == "READY=1\nSTATUS=0 of 0 modems ready, 0 queued"
    assert "STOPPING=1" in told[-3:]


def test_a_dead_store_thread_ends_the_process(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        made = daemon(loop, tmp_path)
        running = spawn(made.run(), name="run")
        await made.started.wait()
        made.parts.store._writer.died = "the store writer has failed"
        with pytest.raises(StoreError, match="has failed"):
            await running

    run_virtual(main)


def test_what_another_run_has_taken_is_sent_by_that_one_alone(tmp_path: Path) -> None:
    """The file of the lock was removed: the first one ends, and begins nothing more."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, air_s=3.0) as house:
            sent = [await house.post(text=f"{n}") for n in range(4)]
            await house.until(lambda: house.sim.modems[0].sends)
            await asyncio.sleep(2.5)  # the next one is prepared
            (tmp_path / "airpost.db.lock").unlink()
            other = SqliteStore(tmp_path / "airpost.db", house.clock, Random(2))
            loop.busy["the other"] = lambda: other.pending > 0
            assert (await other.open(house.clock.now())).uncertain == 1
            assert house._running is not None
            with pytest.raises(StoreError, match="another airpost has taken the store"):
                await house._running
            assert house.texts() == ["0"]
            found = [await other.message(MessageId(each["id"]), None) for each in sent]
            assert [each and each.state.value for each in found] == ["uncertain", *["queued"] * 3]
            await other.close()
            await house.http.close()
            await house.start()

    run_virtual(main)


def test_the_start_tells_no_configuration_where_there_is_no_file(tmp_path: Path) -> None:
    """As in the demo, where the row had an empty field."""

    async def main(loop: VirtualLoop) -> None:
        made_one = daemon(loop, tmp_path)
        running = spawn(made_one.run(), name="daemon")
        await made_one.started.wait()
        made_one.stop()
        await running

    run_virtual(main)
    with sqlite3.connect(tmp_path / "airpost.db") as db:
        start, _ = rows(db, 0, 99)
    db.close()
    assert start.action == "service.start"
    assert list(json.loads(start.detail)) == ["version"]


def test_what_is_done_to_the_service_is_in_the_audit_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Start, a renewed certificate, a bad one, a reload, stop; anchored when it ends."""
    caplog.set_level(logging.INFO)
    files = Files(tmp_path)
    files.put(*made("first"))
    digests: list[str | ConfigError] = ["new", ConfigError("stor", "is no known key")]

    def reread() -> str:
        found = digests.pop(0)
        if isinstance(found, ConfigError):
            raise found
        return found

    async def main(loop: VirtualLoop) -> None:
        settings = Settings(
            store=StoreSettings(path=tmp_path / "airpost.db"),
            http=HttpSettings(
                listen=(parse_listen("127.0.0.1:0"),),
                tls=TlsSettings(cert=files.cert, key=files.key),
            ),
            sms=SmsSettings(),
            modems=(),
            digest="old",
        )
        clock = LoopClock(loop.time, Instant(START_US))
        made_one = Daemon(settings, clock, Random(1), Notifier(None), reread=reread)
        store = made_one.parts.store
        loop.busy["store"] = lambda: store.pending > 0
        running = spawn(made_one.run(), name="daemon")
        await made_one.started.wait()
        assert made_one.addresses[0].startswith("https://")
        files.put(*made("second"))
        await asyncio.sleep(LOOK_EVERY_S + 1)
        files.cert.write_text("none")
        await asyncio.sleep(LOOK_EVERY_S + 1)
        for _ in range(2):
            made_one.reload()
            await asyncio.sleep(1)
        made_one.stop()
        await running

    run_virtual(main)
    with sqlite3.connect(tmp_path / "airpost.db") as db:
        found = rows(db, 0, 99)
    db.close()
    assert [(row.action, row.result) for row in found] == [
        ("service.start", "done"), ("tls.reload", "done"), ("tls.reload", "refused"),
        ("tls.reload", "refused"), ("config.reload", "done"),
        ("tls.reload", "refused"), ("config.reload", "refused"), ("service.stop", "done"),
    ]  # fmt: skip
    assert json.loads(found[0].detail)["config"] == "old"
    assert json.loads(found[4].detail) == {"config": "new", "restart_needed": True}
    anchors = anchors_in(caplog.messages)
    assert (anchors[0].n, anchors[-1].n) == (1, 8)
    assert verify(found, anchors).faults == ()

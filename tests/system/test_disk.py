"""A full, a read-only and a damaged store: told, nothing half-written, well again by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from airpost.store.availability import PROBE_S
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB of its own."""
    where = tmp_path / "disk"
    where.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small disk this test fills")
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "airpost-test", str(where)]
    done = subprocess.run(mount, capture_output=True, check=False, text=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass  # that is what was wanted
    return path


async def unavailable(house: House, words: str) -> None:
    """Everything says why nothing can be stored, and what comes in stays on the SIM."""
    answer = await house.post(status=503)
    assert answer["type"] == "urn:airpost:problem:store-unavailable"
    assert words in answer["detail"]
    ready = await house.get("/health/ready", 503)
    assert words in ready["reasons"][0]
    await house.get("/health/live")
    house.sim.handset("+491799999999").send(house.sim.modems[0].number or "", "kept on the SIM")
    await asyncio.sleep(1)
    assert house.sim.modems[0].card.sms.used == 1


async def well_again(house: House, accepted: list[Json]) -> None:
    """Messages flow within two probes, nothing accepted is lost, all rows fit together."""
    await asyncio.sleep(2 * PROBE_S)
    accepted.append(await house.post(text="afterwards"))
    found = await house.settled([each["id"] for each in accepted])
    assert {each["state"] for each in found} == {"delivered"}
    assert sorted(house.texts()) == sorted(str(each["text"]) for each in found)
    await house.until(lambda: house.sim.modems[0].card.sms.used == 0)
    (received,) = (await house.get("/v1/inbound"))["items"]
    assert received["text"] == "kept on the SIM"
    async with house.http.post("/v1/db/check") as response:
        assert (await response.json())["faults"] == []


def test_a_full_disk(small_disk: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, small_disk) as house:
            accepted = [await house.post(text=f"before {n}") for n in range(3)]
            filler = fill(small_disk)
            for n in range(400):  # the log has room left for some
                async with house.http.post(
                    "/v1/messages", json={"to": "+491701234567", "text": f"{n} " + "x" * 900}
                ) as response:
                    if response.status == 503:
                        break
                    accepted.append(await response.json())
            await unavailable(house, "the disk is full")
            filler.unlink()
            await well_again(house, accepted)

    run_virtual(main)


def test_a_read_only_store(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path) as house:
            accepted = [await house.post(text="before")]
            await house.settled([accepted[0]["id"]])
            await pragma(house, "query_only = 1")
            await unavailable(house, "read-only")
            await asyncio.sleep(3 * PROBE_S)
            await house.post(status=503)
            await pragma(house, "query_only = 0")
            await well_again(house, accepted)

    run_virtual(main)


DAMAGED, NO_DATABASE = "the database is damaged", "the file is not a database"


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [(8192, b"\xff", DAMAGED), (0, b"\xff", NO_DATABASE), (0, b"", NO_DATABASE)],
)
def test_a_damaged_store(
    tmp_path: Path, begin: int, end: bytes, words: str, *, cache: bool
) -> None:
    """What was read of it while it was damaged is read again."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path) as house:
            accepted = [await house.post(text="before")]
            await house.settled([accepted[0]["id"]])
            how = ["shrink_memory"] if cache else ["cache_size = 0", "shrink_memory"]
            await pragma(house, "wal_checkpoint(TRUNCATE)", *how)
            path = tmp_path / "airpost.db"
            sound = path.read_bytes()
            path.write_bytes(sound[:begin] + end * (len(sound) - begin))
            await unavailable(house, words)
            await asyncio.sleep(3 * PROBE_S)  # a write that succeeds by chance is no proof
            assert words in (await house.post(status=503))["detail"]
            path.write_bytes(sound)
            await well_again(house, accepted)

    run_virtual(main)


@pytest.mark.parametrize("another", [False, True])
def test_a_store_that_is_moved_away_and_put_back(tmp_path: Path, *, another: bool) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path) as house:
            accepted = [await house.post(text="before")]
            await house.settled([accepted[0]["id"]])
            path, elsewhere = tmp_path / "airpost.db", tmp_path / "airpost.db.away"
            path.rename(elsewhere)
            if another:
                path.write_bytes(b"another")
            await unavailable(house, "put that file back")
            await asyncio.sleep(3 * PROBE_S)
            assert "put that file back" in (await house.post(status=503))["detail"]
            assert (tmp_path / "airpost.db-wal").stat().st_size == 0
            elsewhere.replace(path)
            await well_again(house, accepted)

    run_virtual(main)


# -- at the start --------------------------------------------------------------------------------
def test_a_disk_that_is_full_at_the_start(small_disk: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, small_disk) as house:
            accepted = await stopped(house)
            filler = fill(small_disk)
            await house.start()
            await unavailable(house, "the disk is full")
            await asyncio.sleep(3 * PROBE_S)
            await house.post(status=503)
            filler.unlink()
            await well_again(house, accepted)

    run_virtual(main)


def test_a_disk_that_is_read_only_at_the_start(small_disk: Path, tmp_path: Path) -> None:
    def mounted(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(small_disk)], check=True)

    async def main(loop: VirtualLoop) -> None:
        (tmp_path / "house").mkdir()
        async with opened(loop, tmp_path / "house") as house:
            await house.stop()
            house.store_folder = small_disk
            mounted("ro")
            try:
                await house.start()
                await unavailable(house, "the disk is read-only")
            finally:
                mounted("rw")
            await well_again(house, [])

    run_virtual(main)


@pytest.mark.parametrize(("begin", "words"), [(8192, DAMAGED), (0, NO_DATABASE)])
def test_a_store_that_is_damaged_at_the_start(tmp_path: Path, begin: int, words: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path) as house:
            accepted = await stopped(house)
            path = tmp_path / "airpost.db"
            sound = path.read_bytes()
            path.write_bytes(sound[:begin] + b"\xff" * (len(sound) - begin))
            damaged = path.read_bytes()
            await house.start()
            await unavailable(house, words)
            (modem,) = (await house.get("/v1/modems"))["items"]
            assert (modem["state"], modem["detail"]) == (
                "absent", "left alone until the store can be had")  # fmt: skip
            async with house.http.post("/v1/db/check") as response:
                assert words in (await response.json())["detail"]
            await asyncio.sleep(3 * PROBE_S)
            await house.post(status=503)
            assert path.read_bytes() == damaged
            path.write_bytes(sound)
            await well_again(house, accepted)

    run_virtual(main)


def test_a_stop_before_the_store_could_be_had(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path) as house:
            await house.stop()
            (tmp_path / "airpost.db").write_bytes(b"\xff" * 8192)
            await house.start()
            await house.get("/health/ready", 503)
            began = loop.time()
            house.daemon.stop()
            assert house._running is not None
            await house._running
            assert loop.time() - began < 1

    run_virtual(main)


async def stopped(house: House) -> list[Json]:
    """One message is through; the service is down."""
    accepted = [await house.post(text="before")]
    await house.settled([accepted[0]["id"]])
    await house.stop()
    return accepted


async def pragma(house: House, *texts: str) -> None:
    """Something that the writer's connection is told while its thread is idle."""
    store = house.daemon.parts.store
    await asyncio.sleep(0.01)
    for text in texts:
        assert store._writer._db is not None
        store._writer._db.execute(f"PRAGMA {text}").fetchall()

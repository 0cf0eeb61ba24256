from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from hwsim.modem import SimModem
from hwsim.pool import SimPool
from hwsim.usb import clear
from tests.hwsim.client import Client, started
from tests.virtual import VirtualLoop, run_virtual

HUAWEI, QUECTEL = "huawei-e3372-like", "quectel-ec25-like"
DEVICES = Path("sys/bus/usb/devices")


def attribute(root: Path, name: str) -> str:
    return (root / DEVICES / name).read_text().strip()


def links(root: Path) -> dict[str, str]:
    """by-path link → terminal behind it."""
    folder = root / "dev/serial/by-path"
    return {each.name: os.path.realpath(each) for each in sorted(folder.iterdir())}


def in_it(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def ttys(root: Path) -> list[str]:
    return sorted(each.name for each in (root / "dev").glob("ttyUSB*"))


def test_what_udev_and_the_kernel_would_show(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, 2, clients=0, usb=True, personalities=(HUAWEI, QUECTEL)
        ) as (pool, _):  # fmt: skip
            assert attribute(tmp_path, "1-1.1/idVendor") == "12d1"
            assert attribute(tmp_path, "1-1.2/idProduct") == "0125"
            assert attribute(tmp_path, "1-1.2/bNumInterfaces") == "4"
            assert attribute(tmp_path, "1-1/bDeviceClass") == "09"
            assert attribute(tmp_path, "1-1.1:1.2/bInterfaceProtocol") == "02"
            assert (tmp_path / DEVICES / "1-1.1:1.0/driver").resolve().name == "option"
            assert ttys(tmp_path) == [f"ttyUSB{at}" for at in range(7)]
            assert list(links(tmp_path)) == [
                f"pci-0000:00:14.0-usb-0:1.1:1.{at}-port0" for at in range(3)
            ] + [f"pci-0000:00:14.0-usb-0:1.2:1.{at}-port0" for at in range(4)]
            at_port = links(tmp_path)["pci-0000:00:14.0-usb-0:1.2:1.2-port0"]
            assert at_port == pool.modems[1].pty.device
            tty = tmp_path / "sys/class/tty/ttyUSB2"
            assert tty.resolve().parts[-4:] == ("1-1.1:1.2", "ttyUSB2", "tty", "ttyUSB2")
            assert (tty / "device").resolve().parent.name == "1-1.1:1.2"
            major, minor = (tty / "dev").read_text().split(":")
            assert pool.ports[0].stat().st_rdev == os.makedev(int(major), int(minor))
        assert in_it(tmp_path) == []

    run_virtual(main)


def test_a_stick_that_goes_leaves_nothing_and_comes_back(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, 2, clients=0, usb=True, personalities=(HUAWEI, QUECTEL)
        ) as (pool, _):  # fmt: skip
            before = attribute(tmp_path, "1-1.1/devnum")
            pool.modems[0].unplug()
            assert not (tmp_path / DEVICES / "1-1.1").exists()
            assert ttys(tmp_path) == [f"ttyUSB{at}" for at in range(3, 7)]
            assert len(links(tmp_path)) == 4
            pool.modems[0].plug()
            assert ttys(tmp_path) == [f"ttyUSB{at}" for at in range(7)]
            assert attribute(tmp_path, "1-1.1/devnum") != before
            pool.modems[0].faults.set("unplug", back_s=1.0, renumber=True)
            await asyncio.sleep(2)
            assert ttys(tmp_path)[-3:] == ["ttyUSB7", "ttyUSB8", "ttyUSB9"]
            assert ttys(tmp_path)[0] == "ttyUSB3"

    run_virtual(main)


def test_ports_swap_where_two_come_back_in_another_order(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, 2, clients=0, usb=True, personalities=(QUECTEL,)
        ) as (pool, _):  # fmt: skip
            first, second = pool.modems

            def at(number: int) -> str:
                return os.path.realpath(tmp_path / f"dev/ttyUSB{number}")

            assert (at(2), at(6)) == (first.pty.device, second.pty.device)
            first.faults.set("tty_swap")
            await asyncio.sleep(2)
            assert (at(2), at(6)) == (second.pty.device, first.pty.device)
            mine = links(tmp_path)["pci-0000:00:14.0-usb-0:1.1:1.2-port0"]
            assert mine == first.pty.device  # by-path stays with the plug

    run_virtual(main)


def test_a_cdrom_has_no_ports(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, clients=0, usb=True, personalities=(HUAWEI,)
        ) as (pool, _):  # fmt: skip
            pool.modems[0].faults.set("returns_as_cdrom")
            assert attribute(tmp_path, "1-1.1/idProduct") == "1f01"
            assert attribute(tmp_path, "1-1.1:1.0/bInterfaceClass") == "08"
            assert ttys(tmp_path) == []
            await asyncio.sleep(11)
            assert attribute(tmp_path, "1-1.1/idProduct") == "1506"
            assert len(ttys(tmp_path)) == 3

    run_virtual(main)


@pytest.mark.parametrize("switch", ["authorized", "bind"])
def test_switched_off_and_on_it_keeps_its_power(tmp_path: Path, switch: str) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, usb=True, personalities=(QUECTEL,)) as (pool, (client,)):
            modem = pool.modems[0]
            modem.faults.set("silence", healed_by="usb")
            modem.faults.set("echo_on", healed_by="power")
            write(tmp_path, switch, on=False)
            await client.hung_up()
            assert attribute(tmp_path, "1-1.1/idVendor") == "2c7c"
            assert ttys(tmp_path) == []
            assert not modem.plugged
            assert modem.running
            write(tmp_path, switch, on=True)
            await asyncio.sleep(1.5)
            assert len(ttys(tmp_path)) == 4
            assert list(modem.faults.active()) == ["echo_on"]
            assert modem.records.resets[0][1] in ("authorized", "unbind")
            assert modem.settings.echo is False  # no power was cut
            again = Client(modem)
            assert (await again.ask("AT"))[-1] == "OK"
            again.close()

    run_virtual(main)


def write(root: Path, switch: str, *, on: bool) -> None:
    if switch == "authorized":
        (root / DEVICES / "1-1.1/authorized").write_text("1" if on else "0")
    else:
        name = "bind" if on else "unbind"
        (root / "sys/bus/usb/drivers/usb" / name).write_text("1-1.1")


def test_a_place_without_its_stick_is_not_switched(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0, usb=True) as (pool, _):
            modem = pool.modems[0]
            modem.unplug()
            write(tmp_path, "bind", on=True)
            (tmp_path / "sys/bus/usb/drivers/usb/bind").write_text("9-9")
            await asyncio.sleep(2)
            assert not modem.plugged
            assert not modem.records.resets

    run_virtual(main)


def uhubctl(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "bin/uhubctl", *arguments], capture_output=True, text=True, check=False
    )


async def until_plugged(modem: SimModem, *, plugged: bool) -> None:
    for _ in range(1000):
        if modem.plugged is plugged:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{modem.name} is not as it should be")


def test_hub_power(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, 2, clients=0, usb=True) as (pool, _):
            modem = pool.modems[1]
            modem.faults.set("silence", healed_by="power")
            off = uhubctl(tmp_path, "-l", "1-1", "-p", "2", "-a", "off")
            assert off.returncode == 0, off
            assert off.stdout.splitlines()[-1] == "  Port 2: 0000 off"
            await until_plugged(modem, plugged=False)
            assert pool.modems[0].plugged
            on = uhubctl(tmp_path, "-l", "1-1", "-p", "2", "-a", "on")
            assert on.stdout.splitlines()[-1] == "  Port 2: 0103 power"
            await until_plugged(modem, plugged=True)
            assert modem.faults.active() == {}
            assert [by for _, by in modem.records.resets] == ["hub power"]
            modem.faults.set("no_enumeration")
            for action in ("off", "on"):
                uhubctl(tmp_path, "-l", "1-1", "-p", "2", "-a", action)
                await asyncio.sleep(0.1)
            assert not (tmp_path / DEVICES / "1-1.2").exists()
            assert uhubctl(tmp_path, "-l", "2-1", "-p", "2", "-a", "off").returncode == 1

    run_virtual(main)


def test_only_our_own_tree_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/letter").touch()
    clear(tmp_path)

    async def main(_loop: VirtualLoop) -> None:
        with pytest.raises(FileExistsError, match="sys is not hw-sim's"):
            await SimPool(tmp_path, 1, usb=True).start()

    run_virtual(main)
    assert (tmp_path / "sys/letter").exists()


def test_a_killed_pool_leaves_a_tree_that_the_next_one_clears(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0, usb=True):
            (tmp_path / "sys/class/tty/ttyUSB99").symlink_to("gone")
            killed = tmp_path / "sys"
            killed.rename(tmp_path / "kept")
        (tmp_path / "kept").rename(killed)
        async with started(tmp_path, clients=0, usb=True):
            assert ttys(tmp_path) == ["ttyUSB0"]
            assert not (tmp_path / "sys/class/tty/ttyUSB99").is_symlink()

    run_virtual(main)


async def _nobody(pool: SimPool) -> None:
    with pytest.raises(ValueError, match="no port of these modems"):
        pool.pty_at("/dev/null")


def test_the_terminal_behind_a_path(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, clients=0, usb=True, personalities=(QUECTEL,)
        ) as (pool, _):  # fmt: skip
            modem = pool.modems[0]
            found = [pool.pty_at(tmp_path / f"dev/ttyUSB{at}") for at in range(4)]
            assert found[2] is pool.pty_at(modem.port) is modem.pty
            assert found[0] is modem.side_ports[0].pty
            await _nobody(pool)

    run_virtual(main)


def test_what_brltty_has_taken_stays_without_a_port(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0, usb=True) as (pool, _):
            modem = pool.modems[0]
            modem.faults.set("brltty_steals")
            await asyncio.sleep(0.4)
            assert ttys(tmp_path) == ["ttyUSB0"]
            await asyncio.sleep(0.2)
            assert ttys(tmp_path) == []
            inside = tmp_path / DEVICES / "1-1.1:1.0"
            assert (inside / "driver").resolve().name == "usbfs"
            assert not list(inside.glob("tty*"))
            modem.faults.clear()
            assert ttys(tmp_path) == ["ttyUSB0"]
            assert (inside / "driver").resolve().name == "ch341"

    run_virtual(main)

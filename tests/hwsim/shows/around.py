"""Faults of card, network, power and cable."""

from __future__ import annotations

import asyncio
import fcntl
import os

import pytest

from hwsim.pool import SimPool
from tests.hwsim.client import Client, submit_pdu
from tests.hwsim.shows.show import PHONE, Shows

AROUND = Shows()
OK = b"\r\nOK\r\n"
TIOCGEXCL = 0x80045440  # asm-generic/ioctls.h; the module termios has no name for it


@AROUND.add("sim_removed")
async def no_card(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    await client.ask("AT+CMEE=1")
    modem.faults.set("sim_removed")
    assert await client.nothing() == b"\r\n+CPIN: NOT INSERTED\r\n"
    assert await client.ask("AT+CPIN?") == ["+CME ERROR: 10"]
    client.write("AT+CMGS=20\r")
    assert await client.nothing() == b"\r\n+CMS ERROR: 310\r\n"
    modem.faults.clear()
    assert await client.nothing() == b"\r\n+CPIN: READY\r\n"


@AROUND.add("wrong_pin")
async def pin(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    await client.ask("AT+CMEE=1")
    modem.faults.set("wrong_pin", tries=2)
    assert await client.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert await client.ask('AT+CPIN="1111"') == ["+CME ERROR: 16"]
    assert (await client.ask("AT+CPINR"))[0] == "+CPINR: SIM PIN,1,3"
    assert await client.ask('AT+CPIN="8642"') == ["OK"]
    modem.restart()
    await asyncio.sleep(5)
    assert modem.sim_status() == "SIM PIN"
    modem.faults.clear()
    assert modem.sim_status() == "READY"


@AROUND.add("puk")
async def blocked(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("puk", tries=9)
    assert await client.ask("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert (await client.ask("AT+CPINR"))[1] == "+CPINR: SIM PUK,9,10"
    client.write("AT+CMGS=20\r")
    assert await client.nothing() == b"\r\n+CMS ERROR: 316\r\n"
    modem.faults.clear()
    assert await client.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]


@AROUND.add("not_registered")
async def no_network(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    for stat in (2, 3, 11):
        modem.faults.set("not_registered", stat=stat)
        assert await client.ask("AT+CREG?") == [f"+CREG: 0,{stat}", "OK"]
    client.write("AT+CMGS=20\r")
    assert await client.nothing() == b"\r\n+CMS ERROR: 331\r\n"


@AROUND.add("slow_boot")
async def boots(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("slow_boot", boot_s=60.0)
    assert await client.nothing(59) == b""
    modem.restart()
    client.write("AT\r")
    assert await client.nothing(59) == b""
    assert await client.nothing(2) == b"\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n"


@AROUND.add("reset_leaves_bus")
async def leaves(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("reset_leaves_bus")
    device = modem.pty.device
    assert await client.ask("AT+CFUN=1,1") == ["OK"]
    await client.hung_up()
    await asyncio.sleep(8)
    assert not modem.port.is_symlink()
    await asyncio.sleep(17.5)
    assert modem.port.is_symlink()
    again = Client(modem)
    assert (await again.ask("AT"))[-1] == "OK"
    again.close()
    assert device
    assert modem.records.resets[0][1] == "AT+CFUN=1,1"


@AROUND.add("returns_as_cdrom")
async def cdrom(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("returns_as_cdrom")
    await client.hung_up()
    await asyncio.sleep(9.9)
    assert not modem.plugged
    await asyncio.sleep(0.2)
    assert modem.plugged
    modem.faults.set("returns_as_cdrom", switch_s=0.0)
    await asyncio.sleep(3600)
    assert not modem.port.exists()
    modem.faults.clear()
    assert not modem.port.exists()  # still the same stick in the same mode
    modem.unplug()
    modem.plug()
    assert modem.port.exists()


@AROUND.add("dead_descriptor")
async def dead(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("dead_descriptor")
    assert modem.faults.active() == {}
    await client.hung_up()
    await asyncio.sleep(0.1)
    assert modem.plugged
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output error"):
            os.write(client.fd, b"AT\r")


@AROUND.add("tty_swap")
async def swap(pool: SimPool, client: Client) -> None:
    first, second = pool.modems
    ports = first.port, second.port
    first.faults.set("tty_swap", other="modem1")
    await client.hung_up()
    await asyncio.sleep(2)
    assert (second.port, first.port) == ports
    assert first.plugged
    assert second.plugged
    host = Client(second)
    await host.ask("ATE0")
    assert await host.ask("AT+CGSN") == [second.imei, "OK"]
    host.close()
    with pytest.raises(ValueError, match="modem0, modem1"):
        first.faults.set("tty_swap", other="modem7")
    first.faults.set("tty_swap")
    await asyncio.sleep(2)
    assert (first.port, second.port) == ports


@AROUND.add("wrong_port")
async def other_port(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    said = {}
    for form in ("parrot", "nmea", "diag", "silent"):
        modem.faults.set("wrong_port", form=form)
        client.write("AT+CGSN\rrubbish\r")
        modem.urc("RING")
        said[form] = await client.nothing(0.5)
    assert said["parrot"] == b"OK\r\nOK\r\n"
    assert said["nmea"].startswith(b"$GPGGA,,,,,,0,,,,,,,,*66\r\n$GPRMC,")
    assert said["diag"].count(b"\x7e") >= 1
    assert b"OK" not in said["diag"]
    assert said["silent"] == b""
    modem.faults.clear()
    assert await client.ask("AT+CGSN") == [modem.imei, "OK"]


@AROUND.add("brltty_steals")
async def steals(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("brltty_steals")
    await client.hung_up()
    assert modem.plugged
    await asyncio.sleep(0.6)
    assert not modem.plugged
    modem.plug()
    await asyncio.sleep(0.6)
    assert not modem.plugged
    modem.faults.clear()
    assert modem.plugged


@AROUND.add("no_permission")
async def permission(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]

    def mode() -> int:
        return modem.port.stat().st_mode & 0o777

    modem.faults.set("no_permission")
    assert mode() == 0
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            Client(modem)
    modem.unplug()
    modem.plug()
    assert mode() == 0
    modem.faults.clear()
    assert mode() == 0o620


@AROUND.add("no_enumeration")
async def gone(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.power.cut()
    assert not modem.plugged
    modem.plug()
    assert not modem.plugged
    modem.power.restore()
    assert modem.plugged
    modem.faults.set("no_enumeration")
    modem.power.cut()
    modem.power.restore()
    assert not modem.plugged
    modem.faults.clear()
    modem.plug()  # by hand
    assert modem.plugged


# Names without a number


@AROUND.add("denied")
async def denied(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("denied")
    assert await client.ask("AT+CREG?") == ["+CREG: 0,3", "OK"]


@AROUND.add("unplug")
async def out_and_in(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("unplug", back_s=3.0)
    await client.hung_up()
    await asyncio.sleep(3.1)
    assert modem.plugged
    modem.faults.set("unplug")
    await asyncio.sleep(3600)
    assert not modem.plugged


def exclusive(client: Client) -> bool:
    return fcntl.ioctl(client.fd, TIOCGEXCL, bytes(4)) != bytes(4)


@AROUND.add("port_held")
async def held(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]

    def locked() -> bool:
        try:
            fcntl.flock(client.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(client.fd, fcntl.LOCK_UN)
        return False

    assert not locked()
    modem.faults.set("port_held")
    assert locked()
    modem.faults.clear()
    assert not locked()
    modem.faults.set("port_held", by="exclusive")
    assert not locked()
    assert exclusive(client)
    if os.geteuid() != 0:
        with pytest.raises(OSError, match="busy"):
            Client(modem)
    modem.faults.clear()
    assert not exclusive(client)


@AROUND.add("low_credit")
async def credit(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("low_credit")
    await client.ask('AT+CUSD=1,"*100#",15')
    assert await client.nothing() == b'\r\n+CUSD: 0,"Credit: 0.12 EUR",15\r\n'
    modem.faults.clear()
    modem.ussd["*100#"] = "Guthaben 3,50"
    await client.ask('AT+CUSD=1,"*100#",15')
    assert b"Guthaben" in await client.nothing()
    await client.ask('AT+CUSD=1,"*999#",15')
    assert await client.nothing() == b"\r\n+CUSD: 4\r\n"


@AROUND.add("silence")
async def silent(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    for healer in ("escape", "power"):
        modem.faults.set("silence", healed_by=healer)
        client.write("AT\r")
        assert await client.nothing(600) == b""
        if healer == "escape":
            client.write("\x1b\rAT\r")
            assert await client.nothing() == OK
        else:
            modem.unplug()
            modem.plug()
        assert modem.faults.active() == {}
    again = Client(modem)
    assert (await again.ask("AT"))[-1] == "OK"
    assert await again.send(submit_pdu(PHONE, "x")) == [submit_pdu(PHONE, "x")[0], "+CMGS: 0", "OK"]
    again.close()

from __future__ import annotations

from pathlib import Path

from tests.hwsim.client import FINAL, Client, started, submit_pdu
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701"
OK = b"\r\nOK\r\n"


def test_what_each_port_of_a_stick_says(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, usb=True, personalities=("quectel-ec25-like",)
        ) as (pool, (client,)):  # fmt: skip
            modem = pool.modems[0]
            said = {}
            for port in modem.side_ports:
                other = Client(modem, port.pty)
                other.write("AT+CGSN\r")
                said[port.role] = await other.nothing(2.5)
                other.close()
            assert modem.imei.encode() in said["ppp"]
            assert said["nmea"].count(b"$GPGGA") == 3
            assert b"OK" not in said["diag"]
            assert len(said["diag"]) > 100
            assert await client.ask("AT+CGSN") == [modem.imei, "OK"]

    run_virtual(main)


def test_ports_that_say_ok_to_everything(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, clients=0, usb=True, personalities=("sierra-c885-like",)
        ) as (pool, _):  # fmt: skip
            modem = pool.modems[0]
            parrot = Client(modem, modem.side_ports[0].pty)
            parrot.write("AT\rAT+CGSN\rhello\r")
            assert await parrot.nothing(100) == b"OK\r\n" * 3
            parrot.close()

    run_virtual(main)


def test_one_port_hangs_and_the_other_wakes_it(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, usb=True, personalities=("telit-le910-like",)
        ) as (pool, (client,)):  # fmt: skip
            modem = pool.modems[0]
            spare = next(port for port in modem.side_ports if port.role == "spare")
            modem.faults.set("silence")
            client.write("AT\r")
            assert await client.nothing() == b""
            other = Client(modem, spare.pty)
            assert await other.ask("AT") == ["OK"]
            assert await client.nothing() == b""
            modem.faults.set("silence", ports="all")
            other.write("AT\r")
            assert await other.nothing() == b""
            modem.faults.set("silence", healed_by="other_port")
            assert await other.ask("AT") == ["OK"]
            assert await client.ask("AT") == ["OK"]
            other.close()

    run_virtual(main)


def test_messages_go_from_either_port_but_one_at_a_time(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, usb=True, personalities=("telit-le910-like",), air_s=5.0
        ) as (pool, (client,)):  # fmt: skip
            modem = pool.modems[0]
            spare = next(port for port in modem.side_ports if port.role == "spare")
            other = Client(modem, spare.pty)
            pdu, length = submit_pdu(PHONE, "from here")
            assert await other.ask("AT+CGSN") == [modem.imei, "OK"]
            other.write(f"AT+CMGS={length}\r")
            await other.until(b"> ")
            client.write("AT+CMGS=20\r")
            assert b"+CMS ERROR: 302" in await client.until(FINAL)
            other.write(f"{pdu}\x1a")
            assert b"+CMGS: 0" in await other.until(FINAL)
            assert await client.nothing() == b""
            assert (modem.records.never.pdu_before_imei, pool.network.accepted) == (0, 1)
            await client.send(submit_pdu(PHONE, "from there"))
            assert modem.records.never.pdu_before_imei == 1
            other.close()

    run_virtual(main)


def test_ports_go_with_the_stick(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, clients=0, usb=True, personalities=("quectel-ec25-like",)
        ) as (pool, _):  # fmt: skip
            modem = pool.modems[0]
            hosts = [Client(modem, port.pty) for port in modem.side_ports]
            modem.unplug()
            for host in hosts:
                await host.hung_up()
                host.close()
            modem.plug()
            again = Client(modem, modem.side_ports[-1].pty)
            assert (await again.ask("AT"))[-1] == "OK"
            again.close()

    run_virtual(main)

"""Asking a modem: by its port, and through the service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from airpost.daemon.cli.client import Client
from airpost.daemon.doctor.line import ServiceLine, opened
from airpost.errors import CommandFailed, CommandTimeout, Desynced, ModemError, PortLost
from airpost.modem.port import PortSettings
from tests.daemon.cli.conftest import Service
from tests.daemon.doctor.conftest import Sims


async def test_by_the_port(sims: Sims) -> None:
    async with sims("generic") as pool:
        async with opened(str(pool.ports[0]), PortSettings()) as line:
            assert await line.ask("AT+CGSN") == (pool.modems[0].imei,)
            pool.modems[0].faults.set("sim_removed")
            with pytest.raises(CommandFailed) as refused:
                await line.ask("AT+CPIN?")
            assert refused.value.code == 10
        assert pool.modems[0].settings.cmee == 0, "left as it was found"


async def test_a_form_of_errors_that_somebody_chose_is_put_back(sims: Sims) -> None:
    async with sims("generic") as pool:
        pool.modems[0].settings.cmee = 2
        async with opened(str(pool.ports[0]), PortSettings()):
            assert pool.modems[0].settings.cmee == 1
        assert pool.modems[0].settings.cmee == 2


async def test_no_port() -> None:
    with pytest.raises(PortLost, match="no such port"):
        async with opened("/dev/absent", PortSettings()):
            pass


def test_nobody_at_the_other_end(sims: Sims) -> None:
    from tests.virtual import VirtualLoop, run_virtual

    async def main(_loop: VirtualLoop) -> None:
        async with sims("generic") as pool:
            pool.modems[0].faults.set("silence")
            with pytest.raises(Desynced, match="right port"):
                async with opened(str(pool.ports[0]), PortSettings()):
                    pass

    run_virtual(main)


async def test_through_the_service(service: Service) -> None:
    service.pool.answers |= {
        "AT+CSQ": ("+CSQ: 20,99",),
        "AT+CPIN?": CommandFailed("CME", 10, "10"),
        "AT+CREG?": CommandTimeout("AT+CREG? was not answered within 10 s"),
    }
    with ThreadPoolExecutor(1) as threads, Client(service.unix) as client:
        line = ServiceLine(client, "gate-1", threads)
        assert await line.ask("AT+CSQ") == ("+CSQ: 20,99",)
        with pytest.raises(CommandFailed) as refused:
            await line.ask("AT+CPIN?")
        assert (refused.value.kind, refused.value.code) == ("CME", 10)
        with pytest.raises(ModemError, match="not answered"):
            await line.ask("AT+CREG?")

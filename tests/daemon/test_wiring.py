"""The object graph: a unit for each modem, listeners where they can be had."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from airpost.clock import SystemClock
from airpost.daemon.config.load import parse_config
from airpost.daemon.wiring import admission_of, build
from airpost.errors import InvalidRequest
from airpost.model import MessageClass
from airpost.services.http.credentials import LOCAL


def test_what_the_configuration_says_is_built(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("1234\n")
    (tmp_path / "file").write_text("no folder can be made in here")
    settings = parse_config(
        f"""
        [store]
        url = "sqlite:///airpost.db"
        [http]
        listen = ["unix:{tmp_path}/file/http.sock"]
        [[modem]]
        name = "gate-1"
        port = "/dev/a"
        pin_file = "pin"
        route = ["alarms"]
        number = "+4915550000000"
        [[modem]]
        name = "gate-2"
        port = "/dev/b"
        [sms]
        home_region = "CN"
        [[route]]
        name = "mobile"
        carrier = ["China Mobile"]
        groups = [{{ gate-2 = 1 }}]
        """,
        tmp_path,
        {},
    )

    async def main() -> None:
        parts = build(settings, SystemClock(), Random(1), lambda: False)
        assert [unit.lane for unit in parts.units] == ["gate-1", "gate-2"]
        first, second = parts.pool.modems()
        assert (first.port, first.routes, first.number) == (
            "/dev/a", frozenset({"alarms"}), "+4915550000000",
        )  # fmt: skip
        assert second.routes == frozenset({"default", "mobile"})
        admission = admission_of(settings)
        admitted = admission.admit("13912345678", MessageClass.OTP, (), LOCAL)
        assert (admitted.to, admitted.route) == ("+8613912345678", "mobile")
        with pytest.raises(InvalidRequest, match=r"\[sms\] has CN only"):
            admission.admit("+12125551234", MessageClass.OTP, (), LOCAL)
        addresses = await parts.http.start()
        await parts.http.stop()
        assert addresses == (f"unix:{tmp_path / 'http.sock'}",)

    asyncio.run(main())

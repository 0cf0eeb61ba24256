"""The demonstration: the whole service on simulated modems, and one message followed to its end.

May import everything, hwsim too. It goes through the front door: HTTP in, JSON out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from airpost.clock import Clock
from airpost.daemon.config.settings import (
    ModemSettings,
    Settings,
    SmsSettings,
    StoreSettings,
)
from airpost.daemon.run import Daemon
from airpost.daemon.sdnotify import Notifier
from airpost.errors import ConfigError
from airpost.model import Lane
from airpost.services.http.settings import AuthMode, HttpSettings, TcpListen, UnixListen
from airpost.tasks import spawn, stop
from hwsim.control import Control
from hwsim.pool import SimPool

PORT = 8775
HANDSET = "+8613912345678"
REPLY = "收到，马上过去。OK 👍"
TEXT = (
    "【车间三号线】温度报警：烘箱 B2 已达 218 ℃，超过上限 200 ℃，加热已自动切断。"
    "请值班人员立即到现场检查热电偶和循环风机，确认后回复“收到”。"
    "若十分钟内无人确认，系统将通知下一位负责人并拨打值班室电话。🔥🧯"
    "本消息较长，由三段短信组成，每一段都会单独回报送达状态；手机收齐后会自动拼成一条完整的消息。"
)
PERSONALITIES = ("generic", "huawei-e3372-like", "quectel-ec25-like", "simcom-sim800-like")
AIR_S = 1.2  # a segment on the air: long enough to watch
REPORT_S = 0.8
LOOK_S = 0.1
INBOUND_WAIT_S = 5

Json = dict[str, Any]
Show = Callable[[Json], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the demonstration can be reached."""

    http: str
    unix: str
    modems: Path

    @property
    def curl(self) -> str:
        """A command to paste into another terminal."""
        return (
            f"curl -s {self.http}/v1/messages -H 'Content-Type: application/json' "
            f'-d \'{{"to": "{HANDSET}", "text": "hello"}}\''
        )


class Demo:
    """`start()`, then `follow()`, then `stop()`."""

    def __init__(self, folder: Path, modems: int, clock: Clock) -> None:
        self._sim = SimPool(
            folder / "modems",
            modems,
            personalities=PERSONALITIES,
            air_s=AIR_S,
            report_delay_s=REPORT_S,
            start_us=time.time_ns() // 1000,
        )
        self._control = Control(self._sim)
        self._folder = folder
        self._clock = clock
        self._modems = modems
        self._daemon: Daemon | None = None
        self._running: asyncio.Task[None] | None = None

    # -- life ------------------------------------------------------------------------------------
    async def start(self) -> Addresses:
        """Simulator and service; on another port where the usual one is taken."""
        await self._sim.start()
        await self._control.start()
        try:
            await self._serve(PORT)
        except ConfigError:
            await self._serve(0)
        assert self._daemon is not None
        http, unix = self._daemon.addresses
        return Addresses(http=http, unix=unix, modems=self._sim.directory)

    async def _serve(self, port: int) -> None:
        self._daemon = Daemon(self._settings(port), self._clock, Random(), Notifier({}))
        self._running = spawn(self._daemon.run(), name="demo service")
        started = spawn(self._daemon.started.wait(), name="demo start")
        await asyncio.wait([self._running, started], return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            await stop(started)
            await self._running

    def _settings(self, port: int) -> Settings:
        listen = (TcpListen(host="127.0.0.1", port=port), UnixListen(path=self._folder / "s"))
        return Settings(
            store=StoreSettings(path=self._folder / "airpost.db"),
            http=HttpSettings(listen=listen, auth=AuthMode.NONE),
            sms=SmsSettings(),
            modems=tuple(
                ModemSettings(name=Lane(f"gate-{at}"), port=str(path))
                for at, path in enumerate(self._sim.ports, 1)
            ),
            clock_wait_s=0,
        )

    async def stop(self) -> None:
        """Stop the service in order, then the simulator."""
        if self._daemon is not None and self._running is not None:
            self._daemon.stop()
            await asyncio.wait([self._running])
        await self._control.stop()
        await self._sim.stop()

    # -- the story -------------------------------------------------------------------------------
    async def follow(self, base: str, show: Show, shown_inbound: Show) -> None:
        """Send the message and show it until it is delivered; then the handset's reply."""
        async with aiohttp.ClientSession(base) as http:
            await self._wait_for_modem(http)
            message = await _post(http, "/v1/messages", {"to": HANDSET, "text": TEXT})
            show(message)
            while not message["final"]:
                await asyncio.sleep(LOOK_S)
                message = await _get(http, f"/v1/messages/{message['id']}")
                show(message)
            self._sim.handset(HANDSET).reply(REPLY)
            shown_inbound(await self._inbound(http))

    async def _wait_for_modem(self, http: aiohttp.ClientSession) -> None:
        # Asked as anybody would ask: through the front door.
        ready = await _get(http, "/health/ready")
        while ready["status"] != "ready":
            await asyncio.sleep(LOOK_S)
            ready = await _get(http, "/health/ready")

    async def _inbound(self, http: aiohttp.ClientSession) -> Json:
        while True:
            page = await _get(http, f"/v1/inbound?wait_s={INBOUND_WAIT_S}")
            if page["items"]:
                found: Json = page["items"][0]
                return found

    def received(self) -> str | None:
        """What the handset shows on its screen."""
        inbox = self._sim.handset(HANDSET).inbox
        return inbox[-1].text if inbox else None


async def _get(http: aiohttp.ClientSession, path: str) -> Json:
    async with http.get(path) as response:
        answer: Json = await response.json()
        return answer


async def _post(http: aiohttp.ClientSession, path: str, body: Json) -> Json:
    async with http.post(path, json=body) as response:
        answer: Json = await response.json()
        return answer

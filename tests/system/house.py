"""The daemon and its modems in one process on one virtual loop, entered through the front door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from airpost.clock import Clock, Instant, LoopClock, SystemClock
from airpost.daemon.config.load import parse_config
from airpost.daemon.config.settings import ModemSettings, Settings, SmsSettings, StoreSettings
from airpost.daemon.run import Daemon
from airpost.daemon.sdnotify import Notifier
from airpost.model import Lane
from airpost.services.hooks_in import HookSettings
from airpost.services.http.settings import AuthMode, HttpSettings, UnixListen
from airpost.services.webhooks.settings import EventSettings, WebhookSettings, parse_allowed
from airpost.tasks import spawn
from hwsim.pool import START_US, SimPool
from tests.virtual import VirtualLoop
from tests.wires import watched

PHONE = "+491701234567"
# As the examples of the interface have it.
PUMP = HookSettings(name="pump", to=(PHONE,), text="{{ pump }} at {{ pressure_bar }} bar", get=True,
                    owner="hook:pump", token="the-token-of-the-pump")  # fmt: skip
WAIT_S = 3600.0
Json = dict[str, Any]


class House:
    """A running daemon with simulated modems gate-1, gate-2, …"""

    def __init__(
        self, folder: Path, sim: SimPool, loop: asyncio.AbstractEventLoop, *, found: bool = False,
        lanes: Sequence[ModemSettings] = (), discover: bool = True, config: str = "",
        start_us: int = START_US,
    ) -> None:  # fmt: skip
        self.sim = sim
        self.lanes = tuple(lanes)  # of modems that are found and yet have a name
        self.discover = found and discover
        self.found = found  # modems are found by themselves, in the simulator's /sys and /dev
        self.store_folder = self._folder = folder
        self.config = config  # TOML: what it says of limits, queue, routes and guards counts
        self._start_us = start_us
        self._loop = loop
        self._start_s = loop.time()
        self._running: asyncio.Task[None] | None = None
        self.daemon: Daemon
        self.clock: Clock
        self.http: aiohttp.ClientSession

    # -- life ------------------------------------------------------------------------------------
    async def start(self, **modem: Any) -> None:
        """Start the daemon on the store that is there."""
        path = self._folder / "http.sock"
        settings = Settings(
            store=StoreSettings(path=self.store_folder / "airpost.db"),
            http=HttpSettings(listen=(UnixListen(path=path),), auth=AuthMode.NONE),
            sms=SmsSettings(),
            modems=self.lanes if self.found else tuple(
                ModemSettings(name=Lane(f"gate-{at}"), port=str(port), **modem)
                for at, port in enumerate(self.sim.ports, 1)
            ),
            discover=self.discover,
            events=EventSettings(webhooks=WebhookSettings(allow=(parse_allowed("127.0.0.1"),))),
            hooks=(PUMP,),
            clock_wait_s=0,  # the machine that tests may not know the time
        )  # fmt: skip
        named = (f'[[modem]]\nname = "gate-{n}"\nport = "/dev/{n}"\n'
                 for n in range(1, len(self.sim.ports) + 1))  # fmt: skip
        given = parse_config("\n".join([self.config, *named]), self._folder, {})
        settings = replace(
            settings, limits=given.limits, queue=given.queue, routes=given.routes,
            guards=given.guards,
        )  # fmt: skip
        clock: LoopClock | SystemClock = SystemClock()
        if isinstance(self._loop, VirtualLoop):
            elapsed_us = round((self._loop.time() - self._start_s) * 1_000_000)
            clock = LoopClock(self._loop.time, Instant(self._start_us + elapsed_us))
        self.clock = clock
        self.daemon = Daemon(
            settings, clock, Random(1), Notifier({}),
            root=self._folder / "modems" if self.found else Path("/"),
        )  # fmt: skip
        if isinstance(self._loop, VirtualLoop):
            store = self.daemon.parts.store
            self._loop.busy["store"] = lambda: store.pending > 0
        self._running = spawn(self.daemon.run(), name="daemon under test")
        started = spawn(self.daemon.started.wait(), name="started")
        await asyncio.wait([self._running, started], return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            started.cancel()
            await self._running
        self.http = aiohttp.ClientSession(
            "http://localhost", connector=aiohttp.UnixConnector(str(path))
        )

    async def stop(self) -> None:
        """The ordered stop."""
        await self.http.close()
        self.daemon.stop()
        assert self._running is not None
        await self._running

    async def kill(self) -> None:
        """As kill -9 leaves it: ports close in mid-word, the files are those of this moment."""
        store = self.daemon.parts.store
        # In the middle of a commit the copies would be of several moments, as no kill leaves them.
        while store.pending:  # noqa: ASYNC110 - it ends within a turn or two
            await asyncio.sleep(0)
        database = self.store_folder / "airpost.db"
        named = [database.with_name(database.name + end) for end in ("", "-wal", "-air")]
        left = {each: each.read_bytes() for each in named if each.exists()}
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])
        await self.http.close()
        database.with_name(database.name + "-shm").unlink(missing_ok=True)
        for each in named:
            each.touch()  # the same inode where it is still there: the air journal looks at it
            with each.open("r+b") as file:
                file.truncate()
                file.write(left.get(each, b""))

    # -- the front door --------------------------------------------------------------------------
    async def get(self, path: str, status: int = 200) -> Json:
        async with self.http.get(path) as response:
            assert response.status == status, await response.text()
            answer: Json = await response.json()
            return answer

    async def post(self, to: str = PHONE, text: str = "hello", status: int = 202, *,
                   headers: Mapping[str, str] | None = None, **fields: Any) -> Json:  # fmt: skip
        body = {"to": to, "text": text, **fields}
        async with self.http.post("/v1/messages", json=body, headers=headers) as response:
            assert response.status == status, await response.text()
            answer: Json = await response.json()
            return answer

    async def delete(self, message_id: str, status: int = 200) -> Json:
        async with self.http.delete(f"/v1/messages/{message_id}") as response:
            assert response.status == status, await response.text()
            answer: Json = await response.json()
            return answer

    async def message(self, message_id: str) -> Json:
        return await self.get(f"/v1/messages/{message_id}")

    async def events(self, message_id: str) -> list[Json]:
        items: list[Json] = (await self.get(f"/v1/messages/{message_id}/events"))["items"]
        return items

    async def everything(self) -> list[Json]:
        """All messages, page after page."""
        found: list[Json] = []
        cursor = ""
        while True:
            page = await self.get(f"/v1/messages?limit=500&cursor={cursor}")
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = page["next"]

    # -- waiting ---------------------------------------------------------------------------------
    async def until(self, true: Callable[[], object], wait_s: float = WAIT_S) -> None:
        """Wait, exact to a hundredth of what has passed."""
        begun_s = self._loop.time()
        async with asyncio.timeout(wait_s):
            while not true():  # noqa: ASYNC110 - any condition at all, in virtual time
                await asyncio.sleep(max(0.05, (self._loop.time() - begun_s) / 100))

    async def ready(self, count: int | None = None) -> None:
        """Until so many modems (all) are ready."""
        wanted = len(self.sim.modems) if count is None else count
        pool = self.daemon.parts.pool
        await self.until(lambda: sum(view.ready for view in pool.modems()) >= wanted)

    async def settled(self, ids: Sequence[str], wait_s: float = WAIT_S) -> list[Json]:
        """The messages once each is final; TimeoutError with those that are not."""
        until_s = self._loop.time() + wait_s
        while True:
            found = [await self.message(each) for each in ids]
            if all(each["final"] for each in found):
                return found
            if self._loop.time() >= until_s:
                raise TimeoutError([each for each in found if not each["final"]])
            await asyncio.sleep(1.0)

    def texts(self, number: str = PHONE) -> list[str | None]:
        """What a handset got, in order."""
        return [each.text for each in self.sim.handset(number).inbox]


@asynccontextmanager
async def opened(
    loop: asyncio.AbstractEventLoop, folder: Path, modems: int = 1, *, wait: bool = True,
    modem: Mapping[str, Any] | None = None, found: bool = False,
    lanes: Callable[[SimPool], Sequence[ModemSettings]] = lambda _sim: (), discover: bool = True,
    prepare: Callable[[SimPool], object] = lambda _sim: None, config: str = "",
    start_us: int = START_US, **settings: Any,
) -> AsyncIterator[House]:  # fmt: skip
    """A house with its modems ready."""
    settings.setdefault("air_s", 0.2)
    sim = SimPool(folder / "modems", modems, usb=found, start_us=start_us, **settings)
    await sim.start()
    house = House(
        folder, sim, loop, found=found, lanes=lanes(sim), discover=discover, config=config,
        start_us=start_us,
    )  # fmt: skip
    prepare(sim)
    with watched(loop, sim.modems):
        try:
            await house.start(**(modem or {}))
            if wait:
                await house.ready()
            yield house
        finally:
            await house.stop()
            await sim.stop()

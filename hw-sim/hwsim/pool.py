"""Several modems and their network in one event loop: what tests and the command line start.

May import nothing but hwsim. No threads and no wall clock: the loop's timers, its readers, and a
calendar that begins at `start_us`. The same seed and the same input give the same run.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

from hwsim.card import Card, Store, luhn
from hwsim.folder import Folder
from hwsim.handset import Handset
from hwsim.modem import SimModem
from hwsim.network import Network, Watcher
from hwsim.personality import Personality, load
from hwsim.ptys import Pty
from hwsim.usb import Bus
from hwsim.watch import Watch

START_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
SMSC = "+4915550000999"
REPORT_DELAY_S = 2.0


def _card(place: int, rng: Random, personality: Personality) -> Card:
    sizes, first = personality.sizes, personality.first_index
    return Card(
        iccid=luhn(f"894999{rng.randrange(10**8):08d}{place:04d}"),
        imsi=f"26299{rng.randrange(10**6):06d}{place:04d}",
        number=f"+491555{place:07d}",
        smsc=SMSC,
        sms=Store("SM", sizes.get("SM", 20), first),
        reports=Store("SR", sizes.get("SR", 0), first),
    )


class SimPool:
    """`count` modems on `directory`/modem0, modem1, …; usable between `start()` and `stop()`.

    `personalities` are given round robin, `boot_s` to all. With `usb` the folder also has a made-up
    /sys and /dev with all ports of every stick. `air_s` None draws air times around 3.5 s. The
    numbers of the cards are +4915550000000 and up; every other number that is written to is a
    handset.
    """

    def __init__(
        self,
        directory: Path,
        count: int,
        *,
        seed: int = 0,
        personalities: Sequence[str] = ("generic",),
        air_s: float | None = None,
        report_delay_s: float = REPORT_DELAY_S,
        latency_s: float = 0.0,
        boot_s: float = 0.0,
        usb: bool = False,
        start_us: int = START_US,
        on_event: Watcher = lambda _source, _kind, _detail: None,
    ) -> None:
        if count < 1:
            raise ValueError("a pool has at least one modem")
        self.directory = directory
        self.modems: list[SimModem] = []
        self._count = count
        self._seed = seed
        self._personalities = [load(name) for name in personalities or ("generic",)]
        self._air_s = air_s
        self._report_delay_s = report_delay_s
        self._latency_s = latency_s
        self._boot_s = boot_s
        self._usb = usb
        self._watch: Watch | None = None
        self._bus: Bus | None = None
        self._start_us = start_us
        self._on_event = on_event
        self._network: Network | None = None
        self._folder = Folder(directory)

    async def start(self) -> None:
        """Make the modems on the running loop and plug them in.

        FolderError when the directory cannot be used; OSError when the system gives no terminal.
        """
        if self._network is not None:
            raise RuntimeError("the pool has been started already")
        loop = asyncio.get_running_loop()
        self._folder.take()
        try:
            self._watch = Watch(loop)
            if self._usb:
                self._bus = Bus(self.directory, self._watch)
                self._bus.open()
        except OSError:
            await self.stop()
            raise
        self._network = Network(
            loop,
            Random(f"{self._seed}/network"),
            start_us=self._start_us,
            air_s=self._air_s,
            report_delay_s=self._report_delay_s,
            latency_s=self._latency_s,
            on_event=self._on_event,
        )
        for place in range(self._count):
            self.modems.append(self._modem(loop, place, self._network))
        for modem in self.modems:
            modem.neighbours = self.modems
        try:
            for modem in self.modems:
                modem.plug()
        except OSError:
            await self.stop()
            raise

    def _modem(self, loop: asyncio.AbstractEventLoop, place: int, network: Network) -> SimModem:
        personality = self._personalities[place % len(self._personalities)]
        rng = Random(f"{self._seed}/modem/{place}")
        modem = SimModem(
            loop=loop,
            name=f"modem{place}",
            port=self.directory / f"modem{place}",
            imei=luhn(f"35{rng.randrange(10**8):08d}{place:04d}"),
            card=_card(place, rng, personality),
            personality=personality,
            network=network,
            rng=rng,
            boot_s=self._boot_s,
            watch=self._watch,
            side_ports=self._usb,
        )
        if self._bus is not None:
            modem.power.stick = self._bus.stick(place, modem.power)
        return modem

    async def stop(self) -> None:
        """Unplug everything; counters and inboxes can still be read."""
        for modem in self.modems:
            modem.unplug()
        if self._network is not None:
            self._network.close()
        if self._bus is not None:
            self._bus.close()
        if self._watch is not None:
            self._watch.close()
        self._folder.release()

    @property
    def network(self) -> Network:
        """The network; RuntimeError before `start()`."""
        if self._network is None:
            raise RuntimeError("the pool has not been started")
        return self._network

    @property
    def ports(self) -> list[Path]:
        """What hosts open, in the order of the modems."""
        return [modem.port for modem in self.modems]

    def pty_at(self, path: str | Path) -> Pty:
        """The terminal that a path leads to; ValueError where it is none of these modems."""
        device = os.path.realpath(path)
        for modem in self.modems:
            for pty in (modem.pty, *(port.pty for port in modem.side_ports)):
                if pty.device == device:
                    return pty
        raise ValueError(f"{path} leads to no port of these modems")

    def modem(self, name: str) -> SimModem:
        """The modem called `name`; ValueError where there is none."""
        for modem in self.modems:
            if modem.name == name:
                return modem
        known = ", ".join(modem.name for modem in self.modems)
        raise ValueError(f"no modem is called {name}; there are {known}")

    def handset(self, number: str) -> Handset:
        """The handset with this number, made at the first asking."""
        return self.network.handset(number)

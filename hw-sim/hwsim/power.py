"""Whether a modem has power, is on the bus, and has booted.

Stdlib only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from hwsim.usb import STORAGE, Facts, Stick, UsbPort

if TYPE_CHECKING:
    from hwsim.modem import SimModem

RESET_S = 0.5  # from the OK of AT+CFUN=1,1
BACK_S = (9.0, 25.0)  # until a stick is back after a reset that left the bus
ENUMERATE_S = 1.0  # from `authorized` 1 to its ports


class Power:
    """The power of one modem.

    `running`: there is some; `deaf`: nothing is heard or said yet; `waking`: the card is not ready
    yet; `epoch` counts losses, timers of before do nothing; `started_s` is the loop time of the
    last power-up, PIN or AT+CFUN=1; `stick` is its place in the USB tree, if there is one.
    """

    def __init__(self, modem: SimModem, loop: asyncio.AbstractEventLoop) -> None:
        self.running = self.deaf = self.waking = False
        self.epoch = 0
        self.started_s = 0.0
        self.stick: Stick | None = None
        self._modem = modem
        self._loop = loop
        self._on_bus = False
        self._disc = False  # on the bus as a CD-ROM
        self._fed = True  # by its hub port

    # The bus

    def plug(self) -> None:
        """Put on the bus; nothing happens where it is, or where the hub port has no power."""
        modem = self._modem
        if self._on_bus or not self._fed:
            return
        self._on_bus = True
        modem.faults.heal("power")
        disc = modem.faults.take("returns_as_cdrom")
        if disc is None:
            self._start()
            return
        self._disc = True
        modem.network.event(modem.name, "cdrom", {})
        if self.stick is not None:
            facts = self._facts(modem.personality.usb_cdrom)
            self.stick.appear(facts, [UsbPort(interface=0, kind=STORAGE)])
        if disc.number("switch_s"):
            self.later(disc.number("switch_s"), self._switch_mode)

    def _switch_mode(self) -> None:
        self._disc = False
        if self.stick is not None:
            self.stick.vanish()
        self._start()

    def _start(self) -> None:
        modem = self._modem
        modem.open_ports()
        self._up()
        if self._boot_s():
            self._boot()
        else:
            self.waking = self.deaf = False
        if self.stick is not None:
            self.stick.appear(self._facts(modem.personality.usb_pid), modem.layout())
        modem.network.event(modem.name, "plugged", {"port": str(modem.port)})
        modem.network.attach(modem.radio)
        modem.world.plugged()

    def unplug(self) -> None:
        """Pull out: the host sees a hang-up; a message on the air may or may not get through."""
        if not self._on_bus:
            return
        self._on_bus = self._disc = False
        self.down()
        self._modem.close_ports()
        if self.stick is not None:
            self.stick.vanish()
        self._modem.network.event(self._modem.name, "unplugged", {})

    def change_places(self, other: Power) -> None:
        """Each is plugged in next where the other was; both are off the bus."""
        self.stick, other.stick = other.stick, self.stick
        for each in (self, other):
            if each.stick is not None:
                each.stick.serve(each)

    def steal(self) -> None:
        """Another program takes its ports away; with a place in the USB tree the device stays."""
        if self.stick is None:
            self.unplug()
            return
        self._modem.close_ports()
        self.stick.steal()

    def configure(self, *, on: bool, by: str) -> None:
        """`authorized` or the driver: its ports go and come, power stays."""
        modem = self._modem
        if not self._on_bus or self._disc or self.stick is None:
            return
        if not on:
            modem.records.reset(by)
            modem.close_ports()
            self.stick.deconfigure()
            return
        modem.faults.heal("usb")
        modem.network.later(ENUMERATE_S, self._enumerated)

    def _enumerated(self) -> None:
        modem = self._modem
        if self._on_bus and not self._disc and self.stick is not None and not modem.plugged:
            modem.open_ports()
            self.stick.configure(self._facts(modem.personality.usb_pid), modem.layout())
            modem.world.plugged()

    def hub_power(self, *, on: bool) -> None:
        """A host has switched the power of its hub port."""
        if on:
            self.restore()
        else:
            self._modem.records.reset("hub power")
            self.cut()

    def cut(self) -> None:
        """The hub port has no power."""
        self._fed = False
        self.unplug()

    def restore(self) -> None:
        """It has power again."""
        self._fed = True
        if self._modem.faults.take("no_enumeration") is None:
            self.plug()

    def _facts(self, pid: str) -> Facts:
        make = self._modem.personality
        return Facts(vid=make.usb_vid, pid=pid, product=make.usb_product or make.model,
                     manufacturer=make.manufacturer, driver=make.usb_driver)  # fmt: skip

    # Restarts

    def restart(self, *, dark_s: float = 0.0) -> None:
        """Restart in place, `dark_s` without power before it."""
        modem = self._modem
        if not self._on_bus or self._disc:
            return
        self.down()
        modem.network.event(modem.name, "restart", {})

        def up() -> None:
            modem.faults.heal("reset")
            self._up()
            self._boot()

        if dark_s:
            self.later(dark_s, up)
        else:
            up()

    def reset(self, by: str) -> None:
        """In place, or off the bus and back, as the personality has it; `by` a host's command."""
        if by:
            self._modem.records.reset(by)
        # Not at once: its OK must still leave the terminal.
        self.later(RESET_S, self._reset)

    def _reset(self) -> None:
        modem = self._modem
        leaves = modem.faults.take("reset_leaves_bus")
        modem.faults.heal("reset")
        if leaves is None and modem.personality.reset != "usb":
            self.restart()
            return
        back_s = modem.personality.back_s
        if leaves is not None:
            given = leaves.params["back_s"]
            back_s = modem.rng.uniform(*BACK_S) if given is None else leaves.number("back_s")
        self.unplug()
        modem.network.later(back_s, self.plug)

    def off(self) -> None:
        """A host's command: dead until it is plugged in anew or its hub port is switched."""
        self.later(RESET_S, self.down)

    def down(self) -> None:
        """No power."""
        self.running = False
        self.epoch += 1
        self._modem.powered_down()

    def _up(self) -> None:
        self.running = True
        self.started_s = self._loop.time()
        self._modem.powered_up()

    def _boot_s(self) -> float:
        slow, own_s = self._modem.faults.get("slow_boot"), self._modem.boot_s
        return own_s if slow is None else max(own_s, slow.number("boot_s"))

    def _boot(self) -> None:
        """Deaf until the first line, not ready until the last."""
        least_s = self._boot_s()
        boot = self._modem.personality.boot
        times = [(max(after_s, least_s), line) for after_s, line in boot]
        self.waking = self.deaf = bool(times) or least_s > 0
        for after_s, line in times:
            self.later(after_s, lambda line=line: self._boot_line(line))  # type: ignore[misc]
        if self.waking:
            self.later(max([least_s, *(after_s for after_s, _ in times)]), self._awake)

    def _boot_line(self, line: str) -> None:
        self.deaf = False
        self._modem.urc(line)

    def settle(self) -> None:
        """After the PIN and AT+CFUN=1 a modem may need a while for its card."""
        self.started_s = self._loop.time()
        if self._modem.personality.settle_s:
            self.waking = True
            self.later(self._modem.personality.settle_s, self._awake)
        self._modem.registration_changed()

    def _awake(self) -> None:
        self.waking = self.deaf = False
        self._modem.registration_changed()
        self._modem.network.available(self._modem.number)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Run `call` unless power went away meanwhile."""
        epoch = self.epoch
        self._modem.network.later(delay_s, lambda: call() if self.epoch == epoch else None)

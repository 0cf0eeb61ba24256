"""The SIM card and the message stores: slots, PIN and PUK with their tries.

Stdlib only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

PIN_TRIES = 3
PUK_TRIES = 10


class SlotState(IntEnum):
    """`<stat>` of TS 27.005 3.1 in PDU mode."""

    UNREAD = 0
    READ = 1
    UNSENT = 2
    SENT = 3


@dataclass(slots=True, kw_only=True)
class Slot:
    """A stored message: hexadecimal with the SMSC in front, and the octets of its TPDU."""

    pdu: str
    length: int
    state: SlotState = SlotState.UNREAD
    report: bool = False


class Store:
    """Slots of one memory; indexes count from `first`."""

    def __init__(self, name: str, size: int, first: int = 1) -> None:
        self.name = name
        self.size = size
        self.first = first
        self.slots: dict[int, Slot] = {}

    @property
    def used(self) -> int:
        """Slots in use."""
        return len(self.slots)

    @property
    def full(self) -> bool:
        """No slot is free."""
        return self.used >= self.size

    @property
    def free(self) -> int | None:
        """The lowest free slot; None when full."""
        numbers = range(self.first, self.first + self.size)
        return next((index for index in numbers if self.get(index) is None), None)

    def add(self, slot: Slot) -> int | None:
        """Put into the lowest free slot; its index, or None when full."""
        index = self.free
        if index is not None:
            self.slots[index] = slot
        return index

    def get(self, index: int) -> Slot | None:
        """The slot, None where it is empty or there is none."""
        return self.slots.get(index)

    def valid(self, index: int) -> bool:
        """True when the memory has a slot of this number."""
        return self.first <= index < self.first + self.size

    def remove(self, index: int) -> None:
        """Empty the slot."""
        self.slots.pop(index, None)

    def items(self) -> Iterator[tuple[int, Slot]]:
        """Used slots by index; slots may be removed meanwhile."""
        yield from sorted(self.slots.items())


class CombinedStore(Store):
    """MT: several memories as one, numbered through."""

    def __init__(self, name: str, parts: list[Store]) -> None:
        super().__init__(name, sum(part.size for part in parts), parts[0].first)
        self._parts = parts

    def _place(self, index: int) -> tuple[Store, int] | None:
        offset = index - self.first
        for part in self._parts:
            if 0 <= offset < part.size:
                return part, part.first + offset
            offset -= part.size
        return None

    @property
    def used(self) -> int:
        """Slots in use in all memories."""
        return sum(part.used for part in self._parts)

    def add(self, slot: Slot) -> int | None:
        """Into the first memory with a free slot; the index counted through."""
        offset = 0
        for part in self._parts:
            index = part.add(slot)
            if index is not None:
                return self.first + offset + index - part.first
            offset += part.size
        return None

    def get(self, index: int) -> Slot | None:
        """The slot, None where it is empty or there is none."""
        place = self._place(index)
        return place[0].get(place[1]) if place else None

    def remove(self, index: int) -> None:
        """Empty the slot."""
        place = self._place(index)
        if place:
            place[0].remove(place[1])

    def items(self) -> Iterator[tuple[int, Slot]]:
        """Used slots of all memories, numbered through."""
        offset = 0
        for part in self._parts:
            for index, slot in part.items():
                yield self.first + offset + index - part.first, slot
            offset += part.size


def luhn(digits: str) -> str:
    """`digits` with the check digit of ISO/IEC 7812-1, as IMEI and ICCID end."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return digits + str(-total % 10)


class Card:
    """A SIM. `pin` None means that none is asked for; memories are `sms` and `reports` (SR)."""

    def __init__(
        self,
        *,
        iccid: str,
        imsi: str,
        number: str,
        smsc: str,
        sms: Store,
        reports: Store,
        pin: str | None = None,
        puk: str = "12345678",
    ) -> None:
        self.iccid = iccid
        self.imsi = imsi
        self.number = number
        self.smsc = smsc
        self.sms = sms
        self.reports = reports
        self.pin = self._own_pin = pin
        self.puk = puk
        self.pin_tries = PIN_TRIES
        self.puk_tries = PUK_TRIES
        self.unlocked = pin is None

    @property
    def status(self) -> str:
        """The word of `+CPIN?`: READY, SIM PIN, SIM PUK; "" when blocked for good."""
        if self.puk_tries == 0:
            return ""
        if self.pin_tries == 0:
            return "SIM PUK"
        return "READY" if self.unlocked else "SIM PIN"

    def lock(self, pin: str | None) -> None:
        """Ask for `pin` from now on; None asks for none."""
        self.pin = self._own_pin = pin
        self.unlocked = pin is None

    def ask_other(self, pin: str | None, tries: int = PIN_TRIES) -> None:
        """Want `pin` with so many tries, as another card would; None: its own again."""
        self.pin = self._own_pin if pin is None else pin
        self.pin_tries = tries
        self.unlocked = self.pin is None

    def block(self, tries: int | None) -> None:
        """Want the PUK with so many tries; None: no more, all tries are back."""
        self.pin_tries = PIN_TRIES if tries is None else 0
        self.puk_tries = PUK_TRIES if tries is None else tries
        self.unlocked = self.pin is None

    def power_up(self) -> None:
        """After a restart the PIN is wanted again."""
        self.unlocked = self.pin is None

    def enter_pin(self, pin: str) -> bool:
        """True when right; wrong ones use up the tries."""
        if pin == self.pin:
            self.pin_tries = PIN_TRIES
            self.unlocked = True
            return True
        self.pin_tries = max(0, self.pin_tries - 1)
        return False

    def enter_puk(self, puk: str, new_pin: str) -> bool:
        """True when right: the PIN is `new_pin` then and all tries are back."""
        if puk == self.puk:
            self.lock(new_pin)
            self.unlocked = True
            self.pin_tries, self.puk_tries = PIN_TRIES, PUK_TRIES
            return True
        self.puk_tries = max(0, self.puk_tries - 1)
        return False

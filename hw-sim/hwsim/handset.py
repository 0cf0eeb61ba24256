"""Somebody's phone: an inbox of joined messages, replies split into parts, on and off.

May import airpost.codec.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from airpost.codec.address import Address
from airpost.codec.join import JoinPart, concat_of, join
from airpost.codec.split import split
from airpost.codec.times import TimeStamp
from airpost.codec.tpdu import Deliver, Direction, parse_tpdu
from airpost.codec.udh import stamp_reference
from hwsim.subscriber import Delivery, Done


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedPart:
    """One DELIVER as it came in; `at_s` is loop time."""

    sender: str
    at_s: float
    deliver: Deliver


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A whole message; `text` None where it is data, and the other way round."""

    sender: str
    text: str | None
    data: bytes | None
    parts: int
    at_s: float  # when the last part came


class Carrier(Protocol):
    """What a phone needs of its network."""

    def now_s(self) -> float:
        """Loop time."""
        ...

    def stamp(self) -> TimeStamp:
        """The calendar as TP-SCTS."""
        ...

    def arranged(self, to: str, parts: int) -> Sequence[int]:
        """The order in which the parts of a message come to `to`."""
        ...

    def transmit(self, to: str, tpdu: bytes) -> None:
        """Carry an SMS-DELIVER."""
        ...

    def available(self, number: str) -> None:
        """Deliver what waits for `number`."""
        ...

    def event(self, source: str, kind: str, detail: dict[str, object]) -> None:
        """Tell whoever watches."""
        ...


class Handset:
    """A phone on the network.

    `inbox` holds whole messages in the order of their completion, `parts` every part that came,
    `refusal` (a TP-ST) turns everything down. A reply's parts come in `order` if given: a number
    left out is lost, one given twice comes twice.
    """

    def __init__(self, number: str, rng: Random, carrier: Carrier) -> None:
        self.number = number
        self.inbox: list[Received] = []
        self.parts: list[ReceivedPart] = []
        self.refusal: int | None = None
        self._on = True
        self._rng = rng
        self._carrier = carrier
        self._open: dict[tuple[str, int, int, int], dict[int, Deliver]] = {}

    @property
    def reachable(self) -> bool:
        """Switched on."""
        return self._on

    def on(self) -> None:
        """Switch on: what waits is delivered now."""
        self._on = True
        self._carrier.available(self.number)

    def off(self) -> None:
        """Switch off: messages wait at the SMSC."""
        self._on = False

    def texts(self) -> list[str]:
        """The texts of the inbox."""
        return [each.text for each in self.inbox if each.text is not None]

    def arrange(self, parts: int) -> Sequence[int]:
        """In order."""
        return range(1, parts + 1)

    def take_message(self, tpdu: bytes, done: Done) -> None:
        """Receive one part."""
        deliver = parse_tpdu(tpdu, Direction.MT)
        assert isinstance(deliver, Deliver)
        self._receive(deliver)
        done(Delivery.TAKEN)

    def take_report(self, _tpdu: bytes, done: Done) -> None:
        """Reports are not shown."""
        done(Delivery.TAKEN)

    def _receive(self, deliver: Deliver) -> None:
        sender = deliver.oa.number
        self.parts.append(ReceivedPart(sender=sender, at_s=self._carrier.now_s(), deliver=deliver))
        concat = concat_of(deliver.udh)
        if concat is None or concat.total < 2 or not 1 <= concat.seq <= concat.total:
            self._complete(sender, [deliver])
            return
        key = (sender, concat.bits, concat.ref, concat.total)
        got = self._open.setdefault(key, {})
        if concat.seq in got:
            return
        got[concat.seq] = deliver
        if len(got) == concat.total:
            del self._open[key]
            self._complete(sender, [got[seq] for seq in sorted(got)])

    def _complete(self, sender: str, delivers: list[Deliver]) -> None:
        joined = join([JoinPart(dcs=d.dcs, udh=d.udh, ud=d.ud, udl=d.udl) for d in delivers])
        message = Received(
            sender=sender, text=joined.text, data=joined.data, parts=len(delivers),
            at_s=self._carrier.now_s(),
        )  # fmt: skip
        self.inbox.append(message)
        self._carrier.event(self.number, "received", {"from": sender, "parts": message.parts})

    def reply(self, text: str, *, order: Sequence[int] | None = None) -> int:
        """Answer whoever wrote last; the number of parts. ValueError when nobody did."""
        if not self.parts:
            raise ValueError(f"{self.number} has received nothing to reply to")
        return self.send(self.parts[-1].sender, text, order=order)

    def send(
        self, to: str, text: str, *, order: Sequence[int] | None = None, concat_bits: int = 8
    ) -> int:
        """Write to `to`; the number of parts the text has."""
        parts = split(text, concat_bits=concat_bits).parts
        ref = self._rng.getrandbits(concat_bits)
        for seq in order if order is not None else self._carrier.arranged(to, len(parts)):
            part = parts[seq - 1]
            deliver = Deliver(
                oa=Address.from_number(self.number), pid=part.pid, dcs=part.dcs,
                scts=self._carrier.stamp(), udh=stamp_reference(part.udh, ref),
                ud=part.ud, udl=part.udl,
            )  # fmt: skip
            self._carrier.transmit(to, deliver.build())
        return len(parts)

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from airpost.codec.times import TimeStamp
from airpost.codec.tpdu import Deliver, Direction, parse_tpdu
from hwsim.handset import Handset
from hwsim.subscriber import Delivery


class Air:
    """A carrier that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.tried: list[str] = []
        self.events: list[str] = []

    def now_s(self) -> float:
        return 1.5

    def stamp(self) -> TimeStamp:
        return TimeStamp.from_instant(1_767_225_600_000_000)

    def arranged(self, to: str, parts: int) -> Sequence[int]:
        return range(1, parts + 1)

    def transmit(self, to: str, tpdu: bytes) -> None:
        self.sent.append((to, tpdu))

    def available(self, number: str) -> None:
        self.tried.append(number)

    def event(self, source: str, kind: str, detail: dict[str, object]) -> None:
        self.events.append(f"{source} {kind}")


def pair() -> tuple[Handset, Handset, Air]:
    air = Air()
    return Handset("+491701", Random(1), air), Handset("+491702", Random(2), air), air


def carry(air: Air, to: Handset) -> None:
    ended: list[Delivery] = []
    for _, tpdu in air.sent:
        to.take_message(tpdu, ended.append)
    assert set(ended) == {Delivery.TAKEN}
    air.sent.clear()


def test_long_texts_are_split_and_joined_in_any_order() -> None:
    writer, reader, air = pair()
    text = "Ärger 🙂 " * 40
    assert writer.send("+491702", text) == len(air.sent) > 2
    air.sent.reverse()
    carry(air, reader)
    assert reader.texts() == [text]
    assert reader.inbox[0].sender == "+491701"
    assert reader.inbox[0].at_s == 1.5
    assert air.events == ["+491702 received"]


def test_order_loses_and_repeats_parts() -> None:
    writer, reader, air = pair()
    writer.send("+491702", "x" * 400, order=(3, 1, 1))
    carry(air, reader)
    assert reader.inbox == []
    assert len(reader.parts) == 3  # one of them twice


def test_reply_goes_to_the_last_sender() -> None:
    writer, reader, air = pair()
    with pytest.raises(ValueError, match="nothing to reply to"):
        reader.reply("?")
    writer.send("+491702", "hello")
    carry(air, reader)
    assert reader.reply("hi") == 1
    to, tpdu = air.sent[0]
    deliver = parse_tpdu(tpdu, Direction.MT)
    assert isinstance(deliver, Deliver)
    assert (to, deliver.text, deliver.oa.number) == ("+491701", "hi", "+491702")


def test_on_and_off() -> None:
    phone, _, air = pair()
    phone.off()
    assert not phone.reachable
    phone.on()
    assert phone.reachable
    assert air.tried == ["+491701"]

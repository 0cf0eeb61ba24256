from __future__ import annotations

import asyncio
from random import Random

import pytest

from hwsim.faults import Faults
from hwsim.output import Output
from hwsim.timers import Timers
from tests.virtual import VirtualLoop, run_virtual


class Wire:
    def __init__(self, loop: VirtualLoop) -> None:
        self.got: list[tuple[float, bytes]] = []
        timers, rng = Timers(loop), Random(1)
        self.faults = Faults(rng)
        self.output = Output(
            lambda data: self.got.append((round(loop.time(), 3), data)),
            lambda delay, call: void(timers.later(delay, call)),
            self.faults,
            rng,
        )

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in self.got)


def void(_value: object) -> None:
    return None


def test_at_once_without_faults() -> None:
    async def main(loop: VirtualLoop) -> None:
        wire = Wire(loop)
        wire.output.emit(b"OK")
        wire.output.emit(b"")
        assert wire.got == [(0.0, b"OK")]

    run_virtual(main)


def test_paced_output_stays_in_order_when_the_fault_ends() -> None:
    async def main(loop: VirtualLoop) -> None:
        wire = Wire(loop)
        wire.faults.set("slow_output", octets=2, gap_s=0.5)
        wire.output.emit(b"abcde")
        wire.faults.clear()
        wire.output.emit(b"fgh")
        await asyncio.sleep(5)
        assert wire.got == [(0.5, b"ab"), (1.0, b"cd"), (1.5, b"e"), (1.5, b"fgh")]

    run_virtual(main)


def test_bytewise() -> None:
    async def main(loop: VirtualLoop) -> None:
        wire = Wire(loop)
        wire.faults.set("bytewise")
        wire.output.emit(b"\r\nOK\r\n")
        await asyncio.sleep(1)
        assert [len(data) for _, data in wire.got] == [1] * 6
        assert wire.data == b"\r\nOK\r\n"

    run_virtual(main)


def test_silence_pause_and_drop() -> None:
    async def main(loop: VirtualLoop) -> None:
        wire = Wire(loop)
        wire.output.emit(b"a")
        wire.output.pause(0.2)
        wire.output.emit(b"b")
        await asyncio.sleep(1)
        assert wire.got == [(0.0, b"a"), (0.2, b"b")]
        wire.output.pause(1)
        wire.output.emit(b"lost")
        wire.output.drop()
        await asyncio.sleep(2)
        wire.faults.set("silence")
        wire.output.emit(b"lost")
        assert wire.data == b"ab"

    run_virtual(main)


@pytest.mark.parametrize(
    ("form", "bytes_"),
    [
        ("cr_cr_lf", b"\r\r\nOK\r\r\n"),
        ("lf", b"\nOK\n"),
        ("nul", b"\x00\x00\r\nOK\r\n"),
        ("ff", b"\xff\r\nOK\r\n"),
    ],
)
def test_line_ends(form: str, bytes_: bytes) -> None:
    async def main(loop: VirtualLoop) -> None:
        wire = Wire(loop)
        wire.faults.set("line_ends", form=form, count=1)
        wire.output.emit(b"\r\nOK\r\n")
        wire.output.emit(b"plain")
        assert wire.data == bytes_ + b"plain"

    run_virtual(main)


def test_what_others_take_is_drawn() -> None:
    async def main(loop: VirtualLoop) -> None:
        wire = Wire(loop)
        wire.faults.set("second_reader", share=0.5)
        wire.output.emit(b"x" * 1000)
        assert 400 < len(wire.data) < 600
        wire.faults.clear()
        wire.faults.set("foreign_program", share=1.0)
        taken = len(wire.data)
        wire.output.emit(b"x" * 1000)
        assert len(wire.data) == taken

    run_virtual(main)

from __future__ import annotations

from random import Random

from hwsim.faults import Faults
from hwsim.hearing import Hearing


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def made() -> tuple[Hearing, Faults, Clock]:
    clock, rng = Clock(), Random(1)
    faults = Faults(rng)
    return Hearing(faults, rng, clock), faults, clock


def test_all_without_faults() -> None:
    hearing, _, _ = made()
    assert hearing.through(b"AT\r") == b"AT\r"


def test_silence_hears_nothing_but_may_be_healed() -> None:
    hearing, faults, _ = made()
    faults.set("silence")
    assert hearing.through(b"\x1bAT\r") == b""
    faults.set("silence", healed_by="escape")
    assert hearing.through(b"\x1bAT\r") == b"\x1bAT\r"


def test_a_line_that_wakes_is_lost_to_its_end() -> None:
    hearing, faults, clock = made()
    faults.set("idle_sleep", after_s=10)
    clock.now_s = 11
    assert [hearing.through(data) for data in (b"A", b"T", b"\rAT", b"\r")] == [
        b"", b"", b"AT", b"\r",
    ]  # fmt: skip
    clock.now_s = 20
    assert hearing.through(b"AT\r") == b"AT\r"
    clock.now_s = 40
    hearing.powered_up()
    assert hearing.through(b"AT\r") == b"AT\r"


def test_lines_until_the_rate_is_known() -> None:
    hearing, faults, _ = made()
    faults.set("autobaud", lines=2)
    assert [hearing.through(data) for data in (b"AT\rA", b"T\rAT\r", b"AT\r")] == [
        b"", b"AT\r", b"AT\r",
    ]  # fmt: skip
    hearing.powered_up()
    assert hearing.through(b"AT\r") == b""


def test_bytes_are_lost_by_the_seed() -> None:
    def run() -> bytes:
        hearing, faults, _ = made()
        faults.set("lost_input", share=0.2)
        return hearing.through(b"x" * 500)

    assert run() == run()
    assert 350 < len(run()) < 450

from __future__ import annotations

from random import Random

import pytest

from hwsim.characters import CHARACTERS, Character, sentence

START_US = 1_767_225_600_000_000


def made(name: str, seed: int = 1) -> Character:
    return CHARACTERS[name](Random(seed), lambda: START_US)


def test_checksum_of_a_known_sentence() -> None:
    known = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
    assert sentence(known[1:-5].decode()) == known


def test_positions_know_the_time() -> None:
    assert b"$GPRMC,000000.00,V,,,,,,,010126,,,N*" in made("nmea").tick()


def test_the_parrot_has_no_digits() -> None:
    assert made("parrot").heard(b"AT+CGSN\rAT") == b"OK\r\n"


def test_noise_is_repeated_by_the_seed() -> None:
    first, again, other = (made("diag", seed).tick() for seed in (1, 1, 2))
    assert first == again != other
    assert first.count(b"\x7e") == 1


@pytest.mark.parametrize("name", ["nmea", "diag", "silent"])
def test_none_of_them_answers_at(name: str) -> None:
    assert b"OK" not in made(name).heard(b"AT\r")


@pytest.mark.parametrize("name", ["parrot", "silent"])
def test_some_say_nothing_by_themselves(name: str) -> None:
    assert made(name).tick() == b""

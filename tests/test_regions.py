"""The list of regions, held against the one that comes with the time zones."""

from __future__ import annotations

from pathlib import Path

import pytest

from airpost.regions import REGIONS, place_fault, region_fault

TABLE = Path("/usr/share/zoneinfo/iso3166.tab")


def test_the_list_is_that_of_iso_3166() -> None:
    if not TABLE.exists():
        pytest.skip("the package tzdata is not installed")
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert {line[:2] for line in lines if line and not line.startswith("#")} == REGIONS


@pytest.mark.parametrize("code", ["CN", "DE", "GB"])
def test_a_region(code: str) -> None:
    assert region_fault(code) is None


@pytest.mark.parametrize(
    ("code", "said"),
    [("UK", "'GB'?"), ("de", "'DE'?"), ("ZZ", "such as"), ("China", "such as"), ("", "such as")],
)
def test_what_is_none(code: str, said: str) -> None:
    assert said in str(region_fault(code))


@pytest.mark.parametrize("place", ["DE", "+49", "+852", "*"])
def test_a_place_is_a_region_a_prefix_or_all(place: str) -> None:
    assert place_fault(place) is None


@pytest.mark.parametrize("place", ["UK", "+", "0049", "germany", ""])
def test_what_is_no_place(place: str) -> None:
    fault = place_fault(place)
    assert fault is not None
    assert '"*" for all' in fault

"""What numbers say about themselves, as dialled from several countries."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airpost.numbering import Numbering, NumberKind, Recipient

K = NumberKind


@pytest.mark.parametrize(
    ("home", "dialled", "number", "country", "kind"),
    [
        ("CN", "+8613912345678", "+8613912345678", "CN", K.MOBILE),
        ("CN", "13912345678", "+8613912345678", "CN", K.MOBILE),
        ("CN", "02112345678", "+862112345678", "CN", K.FIXED),
        ("CN", "004915112345678", "+4915112345678", "DE", K.MOBILE),
        ("DE", "015112345678", "+4915112345678", "DE", K.MOBILE),
        ("US", "0118613912345678", "+8613912345678", "CN", K.MOBILE),
        ("US", "2125551234", "+12125551234", "US", K.EITHER),
        # One code, many countries: those that cost more are told apart.
        ("US", "+18765550123", "+18765550123", "JM", K.MOBILE),
        ("US", "+15550100", "+15550100", "US", K.UNKNOWN),
        ("GB", "+447624123456", "+447624123456", "IM", K.MOBILE),
        # Short codes are dialled as they are, and so is what no plan knows.
        ("CN", "10086", "10086", "CN", K.SHORT),
        ("CN", "106901234567", "106901234567", "CN", K.SHORT),
        ("US", "5551234", "5551234", "US", K.UNKNOWN),
        ("DE", "1", "1", "DE", K.UNKNOWN),
        ("CN", "*100#", "*100#", "CN", K.UNKNOWN),
        ("DE", "+99900000001", "+99900000001", None, K.UNKNOWN),
        # A 0 that is not dialled from abroad, and one that is.
        ("DE", "+49015112345678", "+4915112345678", "DE", K.MOBILE),
        ("CN", "+4407400123456", "+447400123456", "GB", K.MOBILE),
        ("DE", "+390612345678", "+390612345678", "IT", K.FIXED),
        ("DE", "+5491123456789", "+5491123456789", "AR", K.MOBILE),
        # What costs more.
        ("US", "+19005551234", "+19005551234", "US", K.PREMIUM),
        ("DE", "09001234567", "+499001234567", "DE", K.PREMIUM),
        ("DE", "0180212345", "+49180212345", "DE", K.SHARED_COST),
        ("FR", "81234", "81234", "FR", K.PREMIUM),
        # ... and does with digits too many, which a network drops.
        ("DE", "+49900123456789", "+49900123456789", "DE", K.PREMIUM),
        ("DE", "0900123456789", "0900123456789", "DE", K.PREMIUM),
        ("DE", "+4915112345678999", "+4915112345678999", "DE", K.UNKNOWN),
        ("US", "24280", "24280", "US", K.PREMIUM),
    ],
)
def test_numbers_as_dialled_at_home(
    home: str, dialled: str, number: str, country: str | None, kind: NumberKind
) -> None:
    found = Numbering(home).read(dialled)
    assert (found.number, found.country, found.kind) == (number, country, kind)


def test_a_premium_number_is_costly_and_a_mobile_is_not() -> None:
    assert [each for each in K if each.costly] == [K.PREMIUM, K.SHARED_COST]


def test_without_a_home_region_a_number_is_dialled_as_given() -> None:
    assert Numbering().read("13912345678") == Recipient(number="13912345678")
    assert Numbering().read("+8613912345678").country is None
    abroad = Numbering(known=True)
    assert abroad.read("+8613912345678").country == "CN"
    assert abroad.read("13912345678") == Recipient(number="13912345678")


def test_the_carrier_is_told_where_it_is_asked_for() -> None:
    assert Numbering("CN").read("+8613912345678").carrier is None
    assert Numbering("CN", carriers=True).read("13912345678").carrier == "China Mobile"
    # Where numbers are taken along, prefixes tell nothing.
    assert Numbering("US", carriers=True).read("+12125551234").carrier is None


def test_nothing_is_loaded_that_nobody_asked_for() -> None:
    code = (
        "import sys; from airpost.numbering import Numbering; Numbering(); "
        "assert 'phonenumbers' not in sys.modules; Numbering('DE'); "
        "assert 'phonenumbers.carrierdata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

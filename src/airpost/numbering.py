"""What a number says about itself: country, kind, carrier by prefix, and how it is dialled.

L0. phonenumbers is loaded when a configuration needs it (3 MB, and 10 MB more for carriers), so the
command line starts fast. What it does not know is no reason to refuse a number: that is for the
guards of `routes`, which name what they refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from types import ModuleType

_PLUS_READ_AS_SPACE = re.compile(r" \d{7,20}")


def plus_kept(value: str) -> str:
    """A value of a query; a number in it keeps the plus that nobody wrote as `%2B`.

    Queries are read as forms, where a plus is a space. Without it the number would be another one,
    of the home region.
    """
    return f"+{value[1:]}" if _PLUS_READ_AS_SPACE.fullmatch(value) else value


class NumberKind(Enum):
    """What a number is for."""

    MOBILE = "mobile"
    FIXED = "fixed"
    EITHER = "fixed or mobile"
    PREMIUM = "premium"
    SHARED_COST = "shared cost"
    SHORT = "short code"
    OTHER = "other"
    UNKNOWN = "unknown"

    @property
    def costly(self) -> bool:
        """True where whoever calls pays more than for a call, and somebody earns it."""
        return self in (NumberKind.PREMIUM, NumberKind.SHARED_COST)


@dataclass(slots=True, kw_only=True)
class Recipient:
    """A number as it is dialled. `country` is ISO 3166; None and UNKNOWN where it does not tell."""

    number: str
    country: str | None = None
    kind: NumberKind = NumberKind.UNKNOWN
    carrier: str | None = None  # to which its prefix was given; people take numbers along


class Numbering:
    """Reads numbers as somebody in `home_region` would dial them.

    Without a home region and with `known` False nothing is looked up: a number is dialled as given.
    `carriers` adds the carrier.
    """

    def __init__(
        self, home_region: str | None = None, *, known: bool = False, carriers: bool = False
    ) -> None:
        self.home_region = home_region
        self._plan: ModuleType | None = None
        self._short: ModuleType | None = None
        self._carrier: ModuleType | None = None
        if home_region is not None or known or carriers:
            self._plan = import_module("phonenumbers")
            self._short = import_module("phonenumbers.shortnumberinfo")
        if carriers:
            self._carrier = import_module("phonenumbers.carrier")

    def read(self, dialled: str) -> Recipient:
        """The recipient of "+" and digits, a national number, a short code or a code with * or #.

        What a plan knows becomes international, without a 0 that only callers in that country dial
        ("+49 (0)151 …"); any other number stays as it was dialled.
        """
        plan = self._plan
        if plan is None or not dialled.strip("+").isdigit():
            return Recipient(number=dialled, country=self.home_region if plan else None)
        abroad = dialled.startswith("+")
        if not abroad and self.home_region is None:
            return Recipient(number=dialled)
        try:
            number = plan.parse(dialled, self.home_region)
        except plan.NumberParseException:
            return Recipient(number=dialled) if abroad else self._in_home_network(dialled)
        if plan.is_valid_number(number):
            dialled = plan.format_number(number, plan.PhoneNumberFormat.E164)
        elif not abroad:
            home = plan.country_code_for_region(self.home_region)
            if number.country_code == home:
                return self._in_home_network(dialled, _kind(plan, number))
        carrier = self._carrier.name_for_number(number, "en") if self._carrier else ""
        return Recipient(
            number=dialled,
            country=self._country(number),
            kind=_kind(plan, number),
            carrier=carrier or None,
        )

    def _country(self, number: object) -> str | None:
        """The country; of those that share a code the first one, where the number does not tell.

        Where calls cost more than in the rest of such a group, the number does tell.
        """
        plan = self._plan
        assert plan is not None
        known = plan.region_code_for_number(number)
        code = known or plan.region_code_for_country_code(number.country_code)  # type: ignore[attr-defined]
        return None if code in (None, "ZZ", "001") else str(code)

    def _in_home_network(self, dialled: str, kind: NumberKind = NumberKind.UNKNOWN) -> Recipient:
        """A short code, or what the plan does not know: only the home network can tell.

        `kind` is what it is taken for where it is no short code.
        """
        plan, short = self._plan, self._short
        assert plan is not None
        assert short is not None
        # As phonenumbers takes a short code: no prefix of any plan is taken off.
        number = plan.PhoneNumber(
            country_code=plan.country_code_for_region(self.home_region),
            national_number=int(dialled),
            italian_leading_zero=dialled.startswith("0") or None,
            number_of_leading_zeros=_leading_zeros(dialled),
        )
        if short.is_possible_short_number_for_region(number, self.home_region):
            cost = short.expected_cost_for_region(number, self.home_region)
            premium = cost == short.ShortNumberCost.PREMIUM_RATE
            kind = NumberKind.PREMIUM if premium else NumberKind.SHORT
        return Recipient(number=dialled, country=self.home_region, kind=kind)


def carrier_names() -> frozenset[str]:
    """All that `Recipient.carrier` may be."""
    data = import_module("phonenumbers.carrierdata").CARRIER_DATA
    return frozenset(names["en"] for names in data.values() if names.get("en"))


def _leading_zeros(dialled: str) -> int | None:
    zeros = len(dialled) - len(dialled.lstrip("0"))
    return zeros if zeros > 1 else None


def _kind(plan: ModuleType, number: object) -> NumberKind:
    kind = _told(plan, number)
    if kind is NumberKind.UNKNOWN:
        # A network that knows a subscriber by the first digits connects, and drops the others.
        shorter = plan.PhoneNumber()
        shorter.merge_from(number)
        if plan.truncate_too_long_number(shorter) and _told(plan, shorter).costly:
            return _told(plan, shorter)
    return kind


def _told(plan: ModuleType, number: object) -> NumberKind:
    types = plan.PhoneNumberType
    return {
        types.MOBILE: NumberKind.MOBILE,
        types.FIXED_LINE: NumberKind.FIXED,
        types.FIXED_LINE_OR_MOBILE: NumberKind.EITHER,
        types.PREMIUM_RATE: NumberKind.PREMIUM,
        types.SHARED_COST: NumberKind.SHARED_COST,
        types.UNKNOWN: NumberKind.UNKNOWN,
    }.get(plan.number_type(number), NumberKind.OTHER)

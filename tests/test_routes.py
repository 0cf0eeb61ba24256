"""Which route a message takes, which modems serve it, and where it may not go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from airpost.clock import Instant
from airpost.model import Lane, MessageClass, ModemView, UnitState
from airpost.numbering import NumberKind, Recipient
from airpost.routes import ROAMS, Asked, Guards, Route, RouteTable, folded, guarded

CHINESE = Recipient(
    number="+8613912345678", country="CN", kind=NumberKind.MOBILE, carrier="China Mobile"
)
GERMAN = Recipient(number="+4915112345678", country="DE", kind=NumberKind.MOBILE)
ASKED = Asked(recipient=CHINESE, class_=MessageClass.ALARM, tags=("plant", "hall 3"), key="erp")
A, B = Lane("a"), Lane("b")


@pytest.mark.parametrize(
    ("route", "takes"),
    [
        (Route(name="r", classes=frozenset({MessageClass.OTP, MessageClass.ALARM})), True),
        (Route(name="r", classes=frozenset({MessageClass.OTP})), False),
        (Route(name="r", prefixes=("+49", "+86139")), True),
        (Route(name="r", prefixes=("+86138",)), False),
        (Route(name="r", countries=frozenset({"CN", "DE"})), True),
        (Route(name="r", countries=frozenset({"DE"})), False),
        (Route(name="r", carriers=frozenset({"chinamobile"})), True),
        (Route(name="r", carriers=frozenset({"chinaunicom"})), False),
        (Route(name="r", tags=frozenset({"hall 3"})), True),
        (Route(name="r", tags=frozenset({"hall 4"})), False),
        (Route(name="r", keys=frozenset({"erp"})), True),
        (Route(name="r", keys=frozenset({"crm"})), False),
        (Route(name="r", keys=frozenset({"erp"}), countries=frozenset({"DE"})), False),
    ],
)
def test_every_condition_must_hold(route: Route, *, takes: bool) -> None:
    assert route.takes(ASKED) is takes
    assert RouteTable(routes=(route,)).match(ASKED) == (route if takes else None)


def test_the_first_that_fits_is_taken_and_none_without_conditions() -> None:
    vip = Route(name="vip")
    first = Route(name="first", countries=frozenset({"CN"}))
    second = Route(name="second", classes=frozenset({MessageClass.ALARM}))
    table = RouteTable(routes=(vip, first, second))
    assert table.match(ASKED) is first
    assert table.match(replace(ASKED, recipient=GERMAN)) is second
    assert table.match(replace(ASKED, recipient=GERMAN, class_=MessageClass.BULK)) is None
    assert table.named("vip") is vip
    assert table.named(None) == Route(name="default")


def test_a_modem_serves_what_it_names_and_the_groups_it_is_in() -> None:
    table = RouteTable(routes=(Route(name="alarms", groups=({A: 1}, {B: 2})), Route(name="plain")))
    assert table.serves(A, {"default", "plain"}) == {"default", "plain", "alarms"}
    assert table.serves(B, {"default"}) == {"default", "alarms"}
    # Who is in no group does not serve it by naming it.
    assert table.serves(Lane("c"), {"alarms"}) == frozenset()


def view(**changes: object) -> ModemView:
    made = ModemView(lane=A, port="p", state=UnitState.READY, since=Instant(0), detail="")
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_carrier_of_a_sim() -> None:
    table = RouteTable(carriers={"26201": "telekom", "26202": "vodafone"})
    assert table.carriers_of(view(operator="T-Mobile")) == {"tmobile"}
    assert table.carriers_of(view(operator="Orange", roaming=True)) == frozenset()
    assert table.carriers_of(view(imsi="262011234567890")) == {"telekom"}
    assert folded("T-Mobile") == folded("t mobile") == "tmobile"
    assert folded("中国移动") == "中国移动"


def test_a_modem_roams_where_it_is_allowed() -> None:
    table = RouteTable(roaming_lanes={A: True})
    assert (table.may_roam(A), table.may_roam(B)) == (True, False)
    assert RouteTable(roaming=True, roaming_lanes={A: False}).may_roam(A) is False


def test_a_modem_is_shown_with_its_routes_and_held_back_where_it_must_not_roam() -> None:
    table = RouteTable(routes=(Route(name="alarms", groups=({A: 1},)),))
    shown = table.dressed(view(roaming=True))
    assert shown.routes == {"default", "alarms"}
    assert shown.paused == ROAMS
    assert table.dressed(view()).paused is None
    assert table.dressed(view(roaming=True, paused="by admin")).paused == "by admin"
    assert replace(table, roaming=True).dressed(view(roaming=True)).paused is None


HOME = Guards(home_region="CN")
ROUTE = Route(name="r")


@pytest.mark.parametrize(
    ("guards", "to", "route_allows", "key_allows", "setting"),
    [
        (Guards(), GERMAN, None, None, None),
        (HOME, CHINESE, None, None, None),
        (HOME, GERMAN, None, None, "sms.allowed"),
        (HOME, replace(GERMAN, country=None), None, None, "sms.allowed"),
        (replace(HOME, allowed=("CN", "+49151")), GERMAN, None, None, None),
        (replace(HOME, allowed=("*",)), GERMAN, None, None, None),
        # What is said for a key or a route counts instead, and both must allow it.
        (HOME, GERMAN, ("DE",), None, None),
        (HOME, CHINESE, ("DE",), None, "route.r.allowed"),
        (HOME, GERMAN, None, ("+49",), None),
        (HOME, GERMAN, ("CN",), ("DE",), "route.r.allowed"),
        (HOME, GERMAN, ("DE",), ("CN",), "keys.countries"),
        (Guards(), GERMAN, None, ("CN",), "keys.countries"),
    ],
)
def test_where_a_message_may_go(
    guards: Guards,
    to: Recipient,
    route_allows: tuple[str, ...] | None,
    key_allows: Sequence[str] | None,
    setting: str | None,
) -> None:
    found = guarded(guards, to, replace(ROUTE, allowed=route_allows), key_allows)
    assert (None if found is None else found.setting) == setting


def test_a_refusal_says_what_changes_it() -> None:
    found = guarded(HOME, GERMAN, ROUTE, None)
    assert found is not None
    assert found.kind == "country-not-allowed"
    assert found.words == "is a number of DE; allowed of [sms] has CN only"


def test_what_costs_more_must_be_listed() -> None:
    dear = Recipient(number="+861681234567", country="CN", kind=NumberKind.PREMIUM)
    found = guarded(HOME, dear, ROUTE, None)
    assert found is not None
    assert (found.kind, found.setting) == ("premium-number", "sms.premium")
    assert "premium of [sms]" in found.words
    assert guarded(replace(HOME, premium=("+86168",)), dear, ROUTE, None) is None
    # Without a home region nobody is protected, nobody refused.
    assert guarded(Guards(), dear, ROUTE, None) is None

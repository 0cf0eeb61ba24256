"""Numbers, routes and what protects the bill, before a message is accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from airpost.errors import InvalidRequest
from airpost.model import Lane, MessageClass
from airpost.numbering import Numbering
from airpost.routes import Guards, Route, RouteTable
from airpost.services.http.admission import Admission, Admitted
from airpost.services.http.credentials import LOCAL
from tests.services.http.conftest import Api, open_api, settings

ALARMS = Route(name="alarms", classes=frozenset({MessageClass.ALARM}), allowed=("CN", "DE"))
VIP = Route(name="vip", keys=frozenset({"erp"}))
GROUPED = Route(name="grouped", groups=({Lane("g1"): 1},))
HOME = Admission(
    numbering=Numbering("CN", carriers=True),
    table=RouteTable(routes=(ALARMS, VIP, GROUPED)),
    guards=Guards(home_region="CN"),
)
GERMAN = "+4915112345678"


def admit(to: str, class_: MessageClass = MessageClass.NORMAL, **changes: Any) -> Admitted:
    caller = replace(LOCAL, **{name: changes.pop(name) for name in ("key_name", "countries")
                               if name in changes})  # fmt: skip
    return HOME.admit(to, class_, (), caller, **changes)


def test_a_national_number_becomes_international_and_its_carrier_known() -> None:
    assert admit("139 1234 5678") == Admitted(
        to="+8613912345678", route=None, carrier="China Mobile"
    )
    assert admit("10086") == Admitted(to="10086", route=None, carrier=None)
    assert HOME.number("to", "13912345678") == "+8613912345678"
    assert Admission().number("to", "13912345678") == "13912345678"


def test_the_route_is_the_first_that_fits_or_the_one_asked_for() -> None:
    assert admit("13912345678", MessageClass.ALARM).route == "alarms"
    assert admit("13912345678", key_name="erp").route == "vip"
    assert admit("13912345678", MessageClass.ALARM, route="vip").route == "vip"
    # Whoever asks for a modem asks for no route.
    assert admit("13912345678", MessageClass.ALARM, modem="g1").route is None
    assert (HOME.describes("grouped"), HOME.describes("default")) == (True, False)


@pytest.mark.parametrize(
    ("to", "given", "kind", "setting"),
    [
        (GERMAN, {}, "country-not-allowed", "sms.allowed"),
        (GERMAN, {"modem": "g1"}, "country-not-allowed", "sms.allowed"),
        ("+12125551234", {"class_": MessageClass.ALARM}, "country-not-allowed",
         "route.alarms.allowed"),
        (GERMAN, {"countries": ("CN",)}, "country-not-allowed", "keys.countries"),
        ("+8613812345678", {}, None, None),
        # No number of the plan, but what the network makes of its first digits costs extra.
        ("+8616812345678", {}, "premium-number", "sms.premium"),
        ("letters", {}, "number-not-dialable", None),
        (GERMAN, {"class_": MessageClass.ALARM}, None, None),
        (GERMAN, {"countries": ("+49",)}, None, None),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_setting(
    to: str, given: dict[str, Any], kind: str | None, setting: str | None
) -> None:
    if kind is None:
        admit(to, **given)
        return
    with pytest.raises(InvalidRequest) as caught:
        admit(to, **given)
    assert (caught.value.field, caught.value.code, caught.value.setting) == ("to", kind, setting)


@pytest.fixture
async def guarded() -> AsyncIterator[Api]:
    opened = await open_api(settings(), HOME)
    yield opened
    await opened.close()


async def test_over_http(guarded: Api) -> None:
    body = await guarded.send(403, to=GERMAN)
    assert body["type"] == "urn:airpost:problem:country-not-allowed"
    assert (body["field"], body["setting"]) == ("to", "sms.allowed")
    assert "allowed of [sms]" in body["detail"]
    shown = await guarded.send(to="13912345678", route="grouped")
    assert shown["to"] == "+8613912345678"
    (new,) = guarded.store.news
    assert (new.to, new.route, new.carrier) == ("+8613912345678", "grouped", "China Mobile")


async def test_a_key_for_some_countries(guarded: Api) -> None:
    made = await guarded.call(
        "POST", "/v1/keys", 201,
        json={"name": "erp", "owner": "o", "scopes": ["send"], "countries": ["DE"]},
    )  # fmt: skip
    assert made["countries"] == ["DE"]
    bearer = {"Authorization": f"Bearer {made['token']}"}
    body = await guarded.send(403, headers=bearer, to="13912345678")
    assert body["setting"] == "keys.countries"
    await guarded.send(headers=bearer, to=GERMAN)
    assert guarded.store.news[0].route == "vip"
    body = await guarded.call(
        "POST", "/v1/keys", 400,
        json={"name": "a", "owner": "b", "scopes": ["send"], "countries": ["UK"]},
    )  # fmt: skip
    assert body["field"] == "countries.0"

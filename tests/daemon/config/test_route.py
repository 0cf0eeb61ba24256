"""`[[route]]`, `[carriers]`, and what protects the bill."""

from __future__ import annotations

import pytest

from airpost.errors import ConfigError
from airpost.model import Lane, MessageClass
from airpost.routes import FAILOVER_S, Guards, Route, RouteTable
from tests.daemon.config.reading import MODEM, read

SPARE = MODEM.replace('"a"', '"spare"').replace("/dev/a", "/dev/b")
NAMED = "[modems]\ndiscover = false\n" + MODEM + SPARE


def test_without_a_section_there_is_the_simple_form() -> None:
    settings = read("")
    assert settings.routes == RouteTable()
    assert settings.guards == Guards()
    assert settings.routes.named(None) == Route(name="default")


def test_everything_of_a_route() -> None:
    settings = read(
        NAMED
        + """
        roaming = true
        [carriers]
        "China Mobile" = ["46000", "46002"]
        [[route]]
        name = "alarms"
        class = ["otp", "alarm"]
        prefix = ["+8613", "+8615"]
        country = ["CN"]
        carrier = ["46002", "China-Unicom"]
        tag = ["plant"]
        key = ["erp"]
        groups = [{ a = 3, spare = 1 }, { spare = 1 }]
        same_carrier = false
        sticky = false
        prefer_s = 2
        failover_s = { otp = 60, alarm = 120.5 }
        trying_s = { alarm = 0 }
        allowed = ["CN", "+852"]
        [[route]]
        name = "default"
        """
    )
    first, second = settings.routes.routes
    assert first == Route(
        name="alarms",
        classes=frozenset({MessageClass.OTP, MessageClass.ALARM}),
        prefixes=("+8613", "+8615"),
        countries=frozenset({"CN"}),
        carriers=frozenset({"chinamobile", "chinaunicom"}),
        tags=frozenset({"plant"}),
        keys=frozenset({"erp"}),
        groups=({Lane("a"): 3, Lane("spare"): 1}, {Lane("spare"): 1}),
        same_carrier=False,
        sticky=False,
        prefer_s=2,
        failover_s={MessageClass.OTP: 60, MessageClass.ALARM: 120.5},
        trying_s={MessageClass.ALARM: 0},
        allowed=("CN", "+852"),
    )
    assert second == Route(name="default", same_carrier=True, failover_s=FAILOVER_S)
    assert settings.routes.carriers == {"46000": "chinamobile", "46002": "chinamobile"}
    assert settings.routes.roaming_lanes == {"spare": True}


def test_roaming_is_allowed_for_all_or_for_one() -> None:
    table = read("[modems]\nroaming = true\n" + MODEM + "roaming = false").routes
    assert (table.may_roam(Lane("a")), table.may_roam(Lane("b"))) == (False, True)
    assert read(MODEM).routes.may_roam(Lane("a")) is False


def test_what_protects_the_bill() -> None:
    text = '[sms]\nhome_region = "CN"\nallowed = ["CN", "+852", "*"]\npremium = ["+86168", "12"]'
    assert read(text).guards == Guards(
        home_region="CN", allowed=("CN", "+852", "*"), premium=("+86168", "12")
    )


ROUTE = '[[route]]\nname = "r"\n'


def test_a_modem_in_several_groups_counts_in_the_first_of_them() -> None:
    groups = "groups = [{ a = 1 }, { a = 2, spare = 3 }, { spare = 1 }]"
    (route,) = read(NAMED + ROUTE + groups).routes.routes
    assert route.groups == ({Lane("a"): 1}, {Lane("spare"): 3}, {Lane("spare"): 1})


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("[route]\nname = 'r'", "route", "write [[route]]"),
        ("[[route]]\nclass = ['otp']", "route.0.name", "is missing"),
        (ROUTE + ROUTE, "route.1.name", "is that of route.0 already"),
        (ROUTE + "clas = ['otp']", "route.0.clas", "did you mean 'class'?"),
        (ROUTE + "class = ['urgent']", "route.0.class.0", "otp, alarm, normal, bulk"),
        (ROUTE + "class = []", "route.0.class", "at least one entry"),
        (ROUTE + "prefix = ['0049']", "route.0.prefix.0", "such as +8613"),
        (ROUTE + "country = ['UK']", "route.0.country.0", "did you mean 'GB'?"),
        (ROUTE + "carrier = ['46000']", "route.0.carrier.0", '"China Mobile" = ["46000"]'),
        (NAMED + ROUTE + "groups = [{ b = 1 }]", "route.0.groups.0.b", "no [[modem]]"),
        (NAMED + ROUTE + "groups = [{ spaer = 1 }]", "route.0.groups.0.spaer", "mean 'spare'?"),
        (ROUTE + "groups = [{ b = 0 }]", "route.0.groups.0.b", "must be at least 1"),
        (ROUTE + "groups = [{}]", "route.0.groups.0", "at least one entry"),
        (ROUTE + "failover_s = { alarm = 5 }", "route.0.failover_s.alarm", "at least 30"),
        (ROUTE + "trying_s = { x = 60 }", "route.0.trying_s.x", "is no class"),
        (ROUTE + "failover_s = { x = 60 }", "route.0.failover_s.x", "is no class"),
        (ROUTE + "allowed = ['Germany']", "route.0.allowed.0", '"*" for all'),
        (ROUTE + "prefer_s = -1", "route.0.prefer_s", "must be at least 0"),
        ("[carriers]\nA = ['4600']", "carriers.A.0", "such as 46000"),
        ("[carriers]\nA = ['46000']\nB = ['46000']", "carriers.B.0", "another carrier"),
        ("[sms]\nallowed = ['+']", "sms.allowed.0", "a prefix such as"),
        ("[sms]\npremium = ['x']", "sms.premium.0", "its first digits"),
        (MODEM + "roaming = 'yes'", "modem.0.roaming", "must be true or false"),
    ],
)
def test_errors_name_the_place(text: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.path == path
    assert words in caught.value.message


def test_a_modem_that_is_found_by_itself_may_stand_in_a_group() -> None:
    (route,) = read(ROUTE + "groups = [{ m-4711 = 1, u-1-1 = 1 }]").routes.routes
    assert route.groups == ({Lane("m-4711"): 1, Lane("u-1-1"): 1},)

"""Limits, classes and keys in the configuration."""

from __future__ import annotations

import pytest

from airpost.errors import ConfigError
from airpost.model import MessageClass
from airpost.pool.limits import READY, LimitSettings, OnLimit, Span
from airpost.pool.sendwindow import send_window
from tests.daemon.config.reading import MODEM, read


def test_nothing_is_limited_until_it_is_asked_for() -> None:
    assert read(MODEM).limits == LimitSettings()
    assert read('[limits.mine]\nper_day = 5\n[sms]\nhome_region = "DE"').limits == LimitSettings(
        home_region="DE"
    )


def test_other_limits_have_another_mark() -> None:
    hours = '[sms]\nhome_region = "DE"\n[classes.bulk]\nquiet_hours = ["21:00-08:00"]\n'
    marks = [read(text).limits.mark for text in ("", hours, hours.replace("08", "07"))]
    assert len(set(marks)) == 3
    assert read(hours).limits.mark == marks[1]


def test_a_ready_profile_by_its_name() -> None:
    limits = read(f'[modems]\nlimits = "cautious"\n{MODEM}\nlimits = "consumer-sim"').limits
    assert limits.default_sim is READY["cautious"]
    assert limits.sims == {"a": READY["consumer-sim"]}


def test_a_ready_profile_changed() -> None:
    limits = read('[modems]\nlimits = "consumer-sim"\n[limits.consumer-sim]\nper_day = 300').limits
    assert limits.default_sim is not None
    assert (limits.default_sim.gap_s, limits.default_sim.burst) == (3.0, 20)
    assert limits.default_sim.per_day == 300


def test_everything_of_a_profile() -> None:
    limits = read("""
        [modems]
        limits = "mine"
        [limits.mine]
        gap_s = 2.5
        per_minute = 10
        burst = 20
        per_hour = 100
        per_day = 500
        per_month = 5000
        recipients_per_month = 900
        reserve_percent = 10
        warn_percent = 70
        clock = ["hour", "day"]
        zone = "Asia/Shanghai"
        on_limit = "reject"
    """).limits
    mine = limits.default_sim
    assert mine is not None
    assert (mine.name, mine.gap_s, mine.per_minute, mine.burst) == ("mine", 2.5, 10, 20)
    assert mine.counts == {Span.HOUR: 100, Span.DAY: 500, Span.MONTH: 5000}
    assert (mine.recipients_per_month, mine.reserve_percent, mine.warn_percent) == (900, 10, 70)
    assert (mine.clock, mine.zone) == (frozenset({Span.HOUR, Span.DAY}), "Asia/Shanghai")
    assert mine.on_limit is OnLimit.REJECT


def test_classes_and_keys() -> None:
    limits = read("""
        [sms]
        home_region = "CN"
        [classes.otp]
        per_recipient = "cn-otp"
        [classes.bulk]
        quiet_hours = ["22:00-08:00"]
        on_quiet = "reject"
        [classes.normal]
        send_window = ["mon-fri 08:00-18:00"]
        zone = "Europe/Berlin"
        [keys.shop]
        limits = "cautious"
    """).limits
    assert limits.classes[MessageClass.OTP].per_recipient is READY["cn-otp"]
    bulk = limits.classes[MessageClass.BULK]
    assert (bulk.window, bulk.on_quiet) == (send_window(["08:00-22:00"]), OnLimit.REJECT)
    assert limits.classes[MessageClass.NORMAL].zone == "Europe/Berlin"
    assert limits.keys == {"shop": READY["cautious"]}
    assert limits.home_region == "CN"


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ('[modems]\nlimits = "no"', "modems.limits", "cautious, cn-otp, consumer-sim"),
        (f'{MODEM}\nlimits = "no"', "modem.0.limits", "no profile"),
        ('[keys.shop]\nlimits = "no"', "keys.shop.limits", "no profile"),
        ('[classes.otp]\nper_recipient = "no"', "classes.otp.per_recipient", "no profile"),
        ("[classes.urgent]", "classes.urgent", "otp, alarm, normal and bulk"),
        ("[limits.x]\nper_hour = 0", "limits.x.per_hour", "1"),
        ("[limits.x]\nper_second = 1", "limits.x.per_second", "no known key"),
        ("[limits.x]\nburst = 5", "limits.x.burst", "needs per_minute"),
        ('[limits.x]\nzone = "Berlin"', "limits.x.zone", "is no time zone"),
        ("[limits.x]\nreserve_percent = 100", "limits.x.reserve_percent", "90"),
        ('[classes.bulk]\nquiet_hours = ["22-8"]\nzone = "UTC"', "classes.bulk.quiet_hours",
         "is a time such as"),
        ('[classes.bulk]\nquiet_hours = ["22:00-08:00"]', "classes.bulk", "needs sms.home_region"),
        ('[classes.bulk]\nquiet_hours = ["22:00-08:00"]\nsend_window = ["08:00-22:00"]',
         "classes.bulk.quiet_hours", "beside send_window"),
        ('[classes.bulk]\nquiet_hours = ["00:00-24:00"]\nzone = "UTC"',
         "classes.bulk.quiet_hours", "no time at all"),
        ('[classes.bulk]\nsend_window = ["08:00-22:00"]\nzone = "Mars"', "classes.bulk.zone",
         "is no time zone"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read(text)
    assert caught.value.path == path

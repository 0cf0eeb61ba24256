"""`[retention]`: times with a unit, by class, and nothing that would break what needs a record."""

from __future__ import annotations

import pytest

from airpost.daemon.config.retention import check_retention
from airpost.errors import ConfigError
from airpost.model import MessageClass
from airpost.store.keeping import Keep, Retention
from tests.daemon.config.reading import read


def test_the_defaults() -> None:
    settings = read("")
    assert settings.http.retention == Retention(inbound=Keep(bodies_d=90, records_d=155))
    assert settings.silent_filter


def test_by_class_and_for_ever() -> None:
    given = """
        [retention]
        bodies = "30d"
        records = "forever"
        statistics = "2y"
        inbound = { bodies = "2w" }
        classes.otp = { bodies = "12h" }
        [statistics]
        silent_filter = false
    """
    settings = read(given)
    kept = settings.http.retention
    assert kept.messages == Keep(bodies_d=30, records_d=None)
    assert kept.of(MessageClass.OTP) == Keep(bodies_d=0.5, records_d=None)
    assert kept.of(MessageClass.BULK) == kept.messages
    assert kept.inbound == Keep(bodies_d=14, records_d=None)
    assert (kept.events_d, kept.statistics_d) == (155, 732)
    assert not settings.silent_filter


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ('bodies = "soon"', "retention.bodies", "12h"),
        ("bodies = 90", "retention.bodies", "12h"),
        ('records = "3d"', "retention.records", "at least"),
        ('classes.otp = { records = "3d" }', "retention.classes.otp.records", "at least"),
        ('classes.urgent = { bodies = "3d" }', "retention.classes.urgent", "there are otp"),
        ('bodies = "3d"', "retention.inbound.bodies", "it is retention.bodies"),
        ('inbound = { bodies = "3d" }', "retention.inbound.bodies", "at least"),
        ('records = "999y"', "retention.records", "36600"),
    ],
)
def test_what_cannot_be(given: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read(f"[retention]\n{given}")
    assert caught.value.path == path


def test_contents_that_are_to_outlive_their_records_are_noted_by_field() -> None:
    given = """
        [retention]
        bodies = "200d"
        classes.otp = { records = "forever" }
        classes.bulk = { bodies = "7d", records = "30d" }
        classes.alarm = { bodies = "forever" }
        inbound = { bodies = "forever", records = "30d" }
    """
    whole, alarm, inbound = check_retention(read(given))
    assert whole == (
        "retention: bodies (200d) are to be kept longer than records (155d); no content outlives "
        "its record, both go after 155d"
    )
    assert alarm.startswith("retention.classes.alarm: bodies (forever) are to be kept longer than")
    assert inbound.endswith("both go after 30d")
    for fits in ("", '[retention]\nbodies = "155d"', '[retention]\nrecords = "forever"'):
        assert list(check_retention(read(fits))) == []

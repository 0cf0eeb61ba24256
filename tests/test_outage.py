"""A failure that goes on is said once, and once that it is over."""

from __future__ import annotations

import logging

import pytest

from airpost.outage import Outage


def test_its_begin_and_its_end_with_what_was_not_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage(logging.getLogger("airpost.test"), "it.fails", "it.works", "modem=gate-1")
    outage.over()
    for _ in range(2):
        for _ in range(4):
            outage.failed("the disk is full")
        outage.over()
        outage.over()
    begin = ("WARNING", "it.fails modem=gate-1 the disk is full")
    end = ("INFO", "it.works modem=gate-1 suppressed=3")
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [begin, end] * 2

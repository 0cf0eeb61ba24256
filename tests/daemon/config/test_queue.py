"""`[queue]` and `[classes.NAME]`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airpost.daemon.config.load import load_config
from airpost.errors import ConfigError
from airpost.model import MessageClass, OnUncertain
from airpost.policy import CLASS_POLICY, QueuePolicy
from tests.daemon.config.reading import read

EXAMPLE = Path(__file__).resolve().parents[3] / "config.example.toml"


def test_nothing_said_is_the_defaults_and_so_is_the_example() -> None:
    assert read("").queue == QueuePolicy() == load_config(EXAMPLE).queue


def test_everything_set() -> None:
    queue = read("""
        [queue]
        ageing_s = 600
        reserved = 2
        resume_s = 60
        [classes.bulk]
        report = true
        validity_s = 7200
        patience_s = 30
        grace_s = 0
        on_uncertain = "resend"
        begin_within_s = 10
        retry_first_s = 1
        retry_longest_s = 2.5
    """).queue
    assert (queue.ageing_s, queue.reserved, queue.resume_s) == (600, 2, 60)
    assert queue.classes[MessageClass.BULK] == replace(
        CLASS_POLICY[MessageClass.BULK], report=True, validity_s=7200, patience_s=30, grace_s=0,
        on_uncertain=OnUncertain.RESEND, begin_within_s=10, retry_first_s=1, retry_longest_s=2.5,
    )  # fmt: skip
    assert queue.classes[MessageClass.OTP] == CLASS_POLICY[MessageClass.OTP]


def test_the_values_of_otp_in_the_example_are_its_own() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    begin = text.index("# [classes.otp]")
    section = text[begin : text.index("# per_recipient", begin)].replace("# ", "", 1)
    lines = [line.removeprefix("# ") for line in section.splitlines()]
    assert read("\n".join(lines)).queue == QueuePolicy()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[queue]\nreserved = -1", "queue.reserved"),
        ("[queue]\nageing_s = 1", "queue.ageing_s"),
        ("[queue]\nagening_s = 100", "queue.agening_s"),
        ("[classes.otp]\ngrace_s = -1", "classes.otp.grace_s"),
        ("[classes.otp]\non_uncertain = 'perhaps'", "classes.otp.on_uncertain"),
        ("[classes.otp]\nretry_first_s = 20", "classes.otp.retry_first_s"),
        ("[classes.urgent]\ngrace_s = 1", "classes.urgent"),
    ],
)
def test_what_cannot_be_is_named(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as told:
        read(text)
    assert told.value.path == where

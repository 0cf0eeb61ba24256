"""Spans of time on the command line."""

from __future__ import annotations

import click
import pytest

from airpost.daemon.cli.spans import Span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("90", 90), ("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)],
)
def test_a_span_is_seconds(text: str, seconds: int) -> None:
    assert Span(7 * 86_400).convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["8d", "-1", "soon", "", "1.5h", "2026-01-02T03:04:05Z", "٣"])
def test_what_is_none_is_refused_with_words(text: str) -> None:
    with pytest.raises(click.BadParameter, match="of 7 days at most"):
        Span(7 * 86_400).convert(text, None, None)

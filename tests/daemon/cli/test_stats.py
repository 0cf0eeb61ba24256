"""`airpost stats funnel`: a table for people, JSON for programs."""

from __future__ import annotations

import pytest

from airpost.daemon.cli.stats import _short, _time
from tests.daemon.cli.conftest import Service
from tests.services.http.test_stats import row


def test_the_funnel(service: Service) -> None:
    service.store.keeping.rows = [
        row("requested", 4, part="otp"),
        row("rejected", 1, part="otp", of_previous_pct=25.0),
        row("rejected", 1, part="otp", reason="empty-text"),
        row("submitted", 3, part="otp", p50_ms=5, p95_ms=1500, p98_7_ms=180_000, p99_ms=9_000_000),
        row("dlr_received", 2, part="otp", of_previous_pct=66.67),
    ]
    shown = service.run("stats", "funnel", "--by", "class", "--since", "2026-01-01").stdout
    assert "class otp" in shown
    for words in ("empty-text 1", "25.0", "5 ms", "1.5 s", "3 min", "66.67 %",
                  "empty-text: The message is empty"):  # fmt: skip
        assert words in shown
    (found,) = service.json("stats", "funnel")
    assert found["groups"][0]["group"] == "otp"
    service.run("stats", "funnel", "--by", "mood", code=2)
    assert "since" in service.run("stats", "funnel", "--since", "soon", code=1).stderr


@pytest.mark.parametrize(("ms", "told"), [(None, ""), (999, "999 ms"), (10_000, "10 s"),
                                          (7_200_000, "2 h")])  # fmt: skip
def test_times_as_people_read_them(ms: int | None, told: str) -> None:
    assert _short(ms) == told


def test_a_date_is_its_first_moment() -> None:
    assert _time("2026-01-02") == "2026-01-02T00:00:00Z"
    assert _time("2026-01-02T03:00:00+01:00") == "2026-01-02T03:00:00+01:00"
    assert _time(None) is None

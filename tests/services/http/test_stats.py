"""The funnel as JSON: whole hours, each stage by its name, reasons where there are some."""

from __future__ import annotations

from typing import Any

from airpost.store.keeping import By, FunnelRow
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW

HOUR_US = 3_600_000_000


def row(stage: str, count: int, **changes: Any) -> FunnelRow:
    given = {
        "part": "", "stage": stage, "reason": "", "count": count, "of_previous_pct": None,
        "of_requested_pct": None, "p50_ms": None, "p95_ms": None, "p98_7_ms": None, "p99_ms": None,
    }  # fmt: skip
    return FunnelRow(**given | changes)


async def test_stages_reasons_and_coverage(api: Api) -> None:
    api.store.keeping.rows = [
        row("requested", 4),
        row("rejected", 1),
        row("rejected", 1, reason="empty-text"),
        row("failed_in_queue", 1),
        row("failed_in_queue", 1, reason="quiet_hours"),
        row("failed", 4),
        *(row("failed", 1, reason=each) for each in ("CMS 38", "TP-ST 65", "blocked", "odd")),
        row("submitted", 3, of_previous_pct=75.0, p50_ms=5, p95_ms=6, p98_7_ms=7, p99_ms=8),
        row("dlr_received", 2, of_previous_pct=66.67),
    ]
    found = await api.call("GET", "/v1/stats/funnel")
    assert found["by"] is None
    assert found["words"] == {
        "CMS 38": "network out of order", "TP-ST 65": "incompatible destination",
        "blocked": "The number is never to be texted", "empty-text": "The message is empty",
        "quiet_hours": "the recipient's hours did not allow it",
    }  # fmt: skip
    (group,) = found["groups"]
    assert group["group"] == ""
    assert group["rejected"] == {
        "count": 1, "of_previous_pct": None, "of_requested_pct": None, "reasons": {"empty-text": 1},
        "kinds": {"validation": 1, "opt_out": 0, "quiet_hours": 0, "limit": 0, "risk": 0,
                  "unavailable": 0},
    }  # fmt: skip
    assert group["failed_in_queue"]["reasons"] == {"quiet_hours": 1}
    assert (group["submitted"]["p50_ms"], group["submitted"]["p98_7_ms"]) == (5, 7)
    assert group["dlr_coverage"] == 66.67
    (asked,) = api.store.keeping.asked
    assert asked == (
        "funnel",
        None,
        (NOW // HOUR_US - 24) * HOUR_US,
        (NOW // HOUR_US + 1) * HOUR_US,
    )


async def test_each_refusal_is_of_one_kind(api: Api) -> None:
    told = {
        "too-many-parts": 1, "unknown-field": 2, "idempotency-mismatch": 4, "blocked": 8,
        "quiet-hours": 16, "quota-exhausted": 32, "queue-full": 64, "premium-number": 128,
        "store-unavailable": 256, "a-kind-of-an-older-version": 512,
    }  # fmt: skip
    api.store.keeping.rows = [
        row("rejected", 1023),
        *(row("rejected", count, reason=reason) for reason, count in told.items()),
        row("dlr_received", 0),
    ]
    (group,) = (await api.call("GET", "/v1/stats/funnel"))["groups"]
    assert group["rejected"]["kinds"] == {
        "validation": 519, "opt_out": 8, "quiet_hours": 16, "limit": 96, "risk": 128,
        "unavailable": 256,
    }  # fmt: skip


async def test_by_hour_and_by_parts_and_times(api: Api) -> None:
    api.store.keeping.rows = [row("dlr_received", 0, part=str(NOW // HOUR_US))]
    query = {"by": "hour", "since": "2026-01-01T10:30:00Z", "until": "2026-01-01T12:00:00Z"}
    found = await api.call("GET", "/v1/stats/funnel", params=query)
    assert found["groups"][0]["group"] == "2026-01-02T03:00:00.000Z"
    assert (found["since"], found["until"]) == (
        "2026-01-01T10:00:00.000Z", "2026-01-01T12:00:00.000Z",
    )  # fmt: skip
    api.store.keeping.rows = [row("dlr_received", 0, part="3")]
    found = await api.call("GET", "/v1/stats/funnel", params={"by": "parts"})
    assert found["groups"][0]["group"] == 3
    assert api.store.keeping.asked[-1][1] is By.PARTS


async def test_what_is_asked_wrongly_and_by_whom(api: Api, keyed: Api) -> None:
    query = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    assert (await api.call("GET", "/v1/stats/funnel", 400, params=query))["field"] == "since"
    assert (await api.call("GET", "/v1/stats/funnel", 400, params={"by": "mood"}))["field"] == "by"
    headers = keyed.store.new_key("shop", "read", "send")
    await keyed.call("GET", "/v1/stats/funnel", 403, headers=headers)

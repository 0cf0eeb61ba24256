"""The audit log, read."""

from __future__ import annotations

from airpost.audit import row_of, verify
from airpost.clock import parse_rfc3339
from airpost.services.http.deps import DEPS
from tests.services.http.conftest import Api


async def test_the_log_is_read_page_by_page_and_is_sound(api: Api) -> None:
    for n in range(5):
        await api.app[DEPS].audit.record(f"a{n}", "local", detail={"n": n})
    rows, cursor = [], ""
    while cursor is not None:
        page = await api.call("GET", "/v1/audit", params={"limit": 2, "cursor": cursor})
        rows += page["items"]
        cursor = page["next"]
    assert [row["action"] for row in rows] == ["a0", "a1", "a2", "a3", "a4"]
    assert verify(row_of(row, parse_rfc3339) for row in rows).faults == ()
    newest = await api.call("GET", "/v1/audit?last=2")
    assert newest["items"] == rows[3:]
    await api.call("GET", "/v1/audit?cursor=x", 400)

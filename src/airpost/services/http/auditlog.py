"""The audit log, read.

May import L0 and the store's protocols. Whoever has all rows can verify them: `airpost audit
verify` does so with what it gets here.
"""

from __future__ import annotations

from aiohttp import web

from airpost.audit import row_json
from airpost.services.http.body import answer
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.key_schemas import AuditQuery
from airpost.services.http.operations import Example, operation
from airpost.services.http.render import list_json, read_cursor, write_cursor
from airpost.services.http.schemas import read_query
from airpost.services.http.shapes import keeping as shapes

CURSOR_KIND = "a"


@operation(
    "listAudit",
    "The audit log, oldest row first",
    query=AuditQuery,
    answers={200: shapes.AuditRows},
    problems=("invalid-cursor",),
    example=Example(query={"last": 20}),
)
async def listing(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/audit`: a page of rows."""
    deps = request.app[DEPS]
    asked = read_query(AuditQuery, request.query.items())
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    after = read_cursor(CURSOR_KIND, asked.cursor)
    if asked.last is not None and not after:
        after = max(0, (await deps.store.audit.head()).n - asked.last)
    found = await deps.store.audit.rows(after, limit + 1)
    following = write_cursor(CURSOR_KIND, found[limit - 1].n) if len(found) > limit else None
    return answer(list_json(map(row_json, found[:limit]), following))

"""Somebody who is told of events: a real HTTP server on the loop of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


@asynccontextmanager
async def receiver(
    says: Callable[[dict[str, Any]], int] = lambda _body: 204,
) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """(its address, what it has taken with its id); `says` gives the status of each answer."""
    taken: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        status = says(body)
        if status < 300:
            taken.append(body | {"id": request.headers["webhook-id"]})
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site.port}", taken
    finally:
        await runner.cleanup()

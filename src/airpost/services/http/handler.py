"""The shapes of what answers a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from airpost.services.http.credentials import Caller

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CallerHandler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]

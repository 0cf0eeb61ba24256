"""What a call has no place for: a query or a body where it takes none is refused by its name.

May import aiohttp and its neighbours. What is misspelt or meant for another call would be passed
over in silence otherwise. Calls with a query or a body of their own refuse what they do not know.
"""

from __future__ import annotations

import functools
from typing import Any

from aiohttp import web

from airpost.errors import InvalidRequest
from airpost.services.http.body import read_octets
from airpost.services.http.credentials import Caller
from airpost.services.http.handler import CallerHandler
from airpost.services.http.operations import described
from airpost.services.http.schemas import Body, ListQuery, Query, read_body, read_query

_EXACT: set[CallerHandler] = set()
BODILESS = frozenset({"GET", "HEAD"})  # a body of theirs means nothing


class NoQuery(Query):
    """No parameter at all."""


class WholeQuery(ListQuery):
    """Of a list that is always told whole: a program asks for it as for any other list."""


class NoBody(Body):
    """No field at all: `{}`."""


def _refuse_query(request: web.Request) -> None:
    if request.query_string:
        read_query(NoQuery, request.query.items())


def _refuse_page(request: web.Request) -> None:
    if request.query_string and read_query(WholeQuery, request.query.items()).cursor:
        raise InvalidRequest("cursor", "is not one this list has given", "invalid-cursor")


def exact(handler: CallerHandler) -> CallerHandler:
    """`handler`, which is asked only where nothing is given that its operation does not take.

    Inside of what counts or notes refusals this is one more; what is exact already stays so.
    """
    told = described(handler)
    if told is None or _is_exact(handler):
        return handler
    no_query, whole, no_body = told.query is None, told.query is WholeQuery, told.body is None

    @functools.wraps(handler)
    async def wrapped(request: web.Request, caller: Caller) -> web.StreamResponse:
        if no_query:
            _refuse_query(request)
        elif whole:
            _refuse_page(request)
        if no_body and request.can_read_body and request.method not in BODILESS:
            octets = await read_octets(request)
            if octets.strip():
                read_body(NoBody, octets)
        return await handler(request, caller)

    _EXACT.add(wrapped)
    return wrapped


def _is_exact(handler: CallerHandler) -> bool:
    """Also through wrappers that keep `__wrapped__`."""
    inner: Any = handler
    while inner is not None and inner not in _EXACT:
        inner = getattr(inner, "__wrapped__", None)
    return inner is not None

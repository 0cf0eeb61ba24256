"""Reading JSON bodies and writing JSON answers."""

from __future__ import annotations

from aiohttp import web

from airpost.services.http.deps import DEPS
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, dumps


async def read_json(request: web.Request) -> bytes:
    """The octets of a JSON body; Refusal for another content type or too many of them."""
    limit = request.app[DEPS].settings.body_limit
    declared = request.content_type
    if declared != "application/json" and not declared.endswith("+json"):
        raise Refusal("unsupported-media-type", "send Content-Type: application/json")
    too_large = Refusal("body-too-large", f"a body has at most {limit} octets")
    # Said before reading where the length is told; a chunked body is cut off by aiohttp.
    if request.content_length is not None and request.content_length > limit:
        raise too_large
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None


def answer(body: Json, status: int = 200) -> web.Response:
    """A JSON response."""
    return web.Response(
        status=status, body=dumps(body), content_type="application/json", charset="utf-8"
    )

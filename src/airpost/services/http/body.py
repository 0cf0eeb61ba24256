"""Reading JSON bodies and writing JSON answers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from aiohttp import ClientError, web

from airpost.services.http.deps import DEPS, ENDED, LULLS
from airpost.services.http.door import REFUSED_OCTETS, read_at_once
from airpost.services.http.problems import Refusal, stopping
from airpost.services.http.render import Json, dumps
from airpost.tasks import until_first

BODY_SETTING = "http.body_kb"


async def read_json(
    request: web.Request,
    *,
    limit: int | None = None,
    setting: str = BODY_SETTING,
    also: Collection[str] = (),
) -> bytes:
    """The octets of a JSON body, or of one of `also`; Refusal for another, too many or too late.

    `limit` octets, by `setting`, where that is another limit than for all.

    A body that is not all there when the server shuts down is not waited for.
    """
    declared = request.content_type
    if declared not in ("application/json", *also) and not declared.endswith("+json"):
        kinds = " or ".join(("application/json", *also))
        raise Refusal(
            "unsupported-media-type",
            f"send Content-Type: {kinds}",
            errors=[("Content-Type", f"must be {kinds}")],
        )
    return await read_octets(request, limit, setting)


async def read_octets(
    request: web.Request, limit: int | None = None, setting: str = BODY_SETTING
) -> bytes:
    """The octets of any body; Refusal as `read_json`."""
    settings = request.app[DEPS].settings
    if limit is None:
        limit = settings.body_limit
    else:
        request = request.clone(client_max_size=limit)
    # Said before reading where the length is told; a chunked body is cut off by aiohttp.
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(request, limit, setting)
    try:
        if request.content.is_eof():  # all but the largest come with their head
            return await request.read()
        lulls = request.app[LULLS]
        lulls.begin(request.transport)
        try:
            return await _read_while_serving(request, settings.body_s)
        finally:
            lulls.end(request.transport)
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(request, limit, setting) from None
    except (ConnectionError, ClientError):  # nobody reads the answer; the log tells of it
        raise _malformed("the caller hung up before the end of the body") from None
    except web.RequestPayloadError:  # packed by something that is not what its head says
        raise _malformed("it cannot be unpacked as Content-Encoding says") from None
    except TimeoutError:
        raise Refusal(
            "body-too-slow",
            f"it was not all there after {settings.body_s:g} s",
            headers={"Connection": "close"},
            extra={"setting": "http.body_s"},
        ) from None


def _malformed(words: str) -> Refusal:
    return Refusal("malformed-json", words, errors=[("body", words)])


def _too_large(request: web.Request, limit: int, setting: str) -> Refusal:
    # What still comes is thrown away for a moment, so that the caller sees the answer: in pieces
    # so small that others do not wait for it.
    read_at_once(request.transport, REFUSED_OCTETS)
    section, _, name = setting.partition(".")
    words = f"a body has at most {limit} octets; {name} of [{section}] allows no more"
    return Refusal("body-too-large", words, extra={"setting": setting})


async def _read_while_serving(request: web.Request, body_s: float) -> bytes:
    found: list[bytes] = []

    async def read() -> None:
        found.append(await request.read())

    async def ended() -> None:
        await request.app[ENDED].wait()

    async with asyncio.timeout(body_s):
        await until_first(read(), ended(), name="body")
    if not found:
        raise stopping()
    return found[0]


def answer(body: Json, status: int = 200) -> web.Response:
    """A JSON response."""
    return web.Response(
        status=status, body=dumps(body), content_type="application/json", charset="utf-8"
    )

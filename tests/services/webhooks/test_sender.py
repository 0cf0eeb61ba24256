"""One try, against a real receiver and real programs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from standardwebhooks import Webhook

from airpost.clock import SystemClock
from airpost.services.webhooks.envelope import Envelope
from airpost.services.webhooks.sender import Answer, ExecSender, HttpSender
from airpost.services.webhooks.settings import ExecSettings, WebhookSettings, parse_allowed
from tests.services.webhooks.test_envelope import ENDPOINT

SENT = Envelope(id="evt_1_2", type="modem.state", body=b'{"type":"modem.state"}')


@asynccontextmanager
async def receiver(handler: object, *allow: str, timeout_s: float = 5.0) -> AsyncIterator[object]:
    """(sender, its address) of a server on a port of its own."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    settings = WebhookSettings(
        allow=tuple(parse_allowed(each) for each in allow or ("127.0.0.1",)), timeout_s=timeout_s
    )
    sender = HttpSender(settings, SystemClock())
    try:
        yield sender, f"http://127.0.0.1:{site.port}"
    finally:
        await sender.close()
        await runner.cleanup()


async def tried(sender: HttpSender, url: str) -> Answer:
    return await sender.send(replace(ENDPOINT, target=url), SENT)


async def test_a_receiver_verifies_it_and_keeps_the_connection() -> None:
    ports: set[object] = set()

    async def handler(request: web.Request) -> web.Response:
        body = await request.read()
        assert ENDPOINT.secret is not None
        Webhook(ENDPOINT.secret).verify(body, dict(request.headers))
        assert request.content_type == "application/json"
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername"))
        return web.Response(status=204, headers={"Set-Cookie": "a=b"})

    async with receiver(handler) as (sender, url):  # type: ignore[misc]
        for _ in range(3):
            assert await tried(sender, f"{url}/hook?x=y") == Answer(ok=True, status=204)
    assert len(ports) == 1


async def test_what_is_no_success_is_told_in_words() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        match request.match_info["path"]:
            case "moved":
                return web.Response(status=302, headers={"Location": "http://127.0.0.1/"})
            case "gone":
                return web.Response(status=410)
            case "busy":
                return web.Response(status=429, headers={"Retry-After": "77"})
            case "later":
                return web.Response(status=503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28"})
            case "endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x" * 65_536)
            case "cut":
                assert request.transport is not None
                request.transport.abort()
        await asyncio.sleep(1.3)
        return web.Response()

    async with receiver(handler, timeout_s=1.0) as (sender, url):  # type: ignore[misc]
        moved = await tried(sender, f"{url}/moved")
        assert (moved.ok, moved.status) == (False, 302)
        assert "redirects are not followed" in (moved.error or "")
        assert (await tried(sender, f"{url}/gone")).gone
        assert (await tried(sender, f"{url}/busy")).retry_after_s == 77
        assert (await tried(sender, f"{url}/later")).retry_after_s is None
        assert (await tried(sender, f"{url}/endless")).ok
        cut = await tried(sender, f"{url}/cut")
        assert (cut.ok, cut.status) == (False, None)
        slow, refused = await asyncio.gather(
            tried(sender, f"{url}/slow"), tried(sender, "http://127.0.0.1:9/")
        )
        assert slow == Answer(ok=False, error="no answer in 1 s")
        assert (refused.ok, refused.status) == (False, None)


async def test_no_address_that_is_not_allowed_is_connected_to() -> None:
    asked = 0

    async def handler(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response()

    async with receiver(handler, "10.0.0.0/8", "localhost") as (sender, url):  # type: ignore[misc]
        port = url.rsplit(":", 1)[1]
        for host in ("127.0.0.1", "2130706433", "localhost", "[::ffff:127.0.0.1]"):
            answer = await tried(sender, f"http://{host}:{port}/")
            assert "not among the targets" in (answer.error or ""), (host, answer)
    assert asked == 0


def command(*given: str, timeout_s: float = 10.0) -> ExecSender:
    return ExecSender((ExecSettings(name="x", command=given, timeout_s=timeout_s),))


async def run(sender: ExecSender) -> Answer:
    return await sender.send(replace(ENDPOINT, target="x"), SENT)


async def test_a_command_gets_the_event_and_nothing_of_the_shell(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = (
        "import json,os,sys; json.dump([json.load(sys.stdin), sys.argv[1:], sorted(os.environ)],"
        " open(sys.argv[1], 'w'))"
    )
    sender = command(sys.executable, "-c", script, str(out), "$(touch x); `y`")
    assert await run(sender) == Answer(ok=True, status=0)
    body, arguments, environment = json.loads(out.read_text())
    assert body == {"type": "modem.state"}
    assert arguments[1] == "$(touch x); `y`"
    assert {"AIRPOST_EVENT_ID", "AIRPOST_EVENT_TYPE", "PATH"} <= set(environment)
    assert not {name for name in environment if "KEY" in name or "CREDENTIALS" in name}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


async def test_a_command_that_fails_hangs_or_is_not_there(tmp_path: Path) -> None:
    failed = await run(command("/bin/sh", "-c", "echo no  such door >&2; exit 3"))
    assert failed == Answer(ok=False, status=3, error="exit status 3: no such door")
    pid = tmp_path / "pid"
    hung = command("/bin/sh", "-c", f"sleep 60 & echo $! > {pid}; wait", timeout_s=0.5)
    assert await run(hung) == Answer(ok=False, error="was not done after 0.5 s")
    for _ in range(50):  # what it has started went with it
        if not alive(int(pid.read_text())):
            break
        await asyncio.sleep(0.02)
    else:
        raise AssertionError("it still runs")
    missing = await run(command("/nowhere/at-all"))
    assert missing.error == "cannot be run: No such file or directory"

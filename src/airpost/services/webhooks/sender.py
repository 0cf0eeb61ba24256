"""One try to tell an endpoint: an HTTP request, or a command that is run.

May import aiohttp and L0. Nothing that is answered is kept but a status and a few words; no
redirect is followed, no proxy used, no cookie kept.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Protocol

import aiohttp

from airpost.clock import Clock
from airpost.services.webhooks.envelope import Envelope, headers_of
from airpost.services.webhooks.settings import ExecSettings, WebhookSettings
from airpost.services.webhooks.targets import PinnedResolver, TargetRefused, Targets
from airpost.store.publishing import Endpoint

AGENT = f"airpost/{metadata.version('airpost')}"
ALL_AT_ONCE = 32  # requests of all endpoints together
KEEPALIVE_S = 30.0
RETRY_AFTER_MOST_S = 86_400.0
_READ = 2_048  # octets of an answer
_WORDS = 200  # characters of an error that are kept
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a try. `status` None: there was no answer."""

    ok: bool
    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None
    gone: bool = False  # it wants nothing more


class Sender(Protocol):
    """How an endpoint is told."""

    async def send(self, endpoint: Endpoint, sent: Envelope) -> Answer:
        """One try; it raises nothing."""
        ...


class HttpSender:
    """Webhooks. `close()` ends it; made on the loop at the first request."""

    def __init__(self, settings: WebhookSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._targets = Targets(settings.allow)
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._room = asyncio.Semaphore(ALL_AT_ONCE)

    async def send(self, endpoint: Endpoint, sent: Envelope) -> Answer:
        """POST it."""
        async with self._room:
            try:
                return await self._post(endpoint, sent)
            except TargetRefused as error:
                return Answer(ok=False, error=str(error))
            except TimeoutError:
                return Answer(ok=False, error=f"no answer in {self._settings.timeout_s:g} s")
            except (aiohttp.ClientError, OSError, ValueError) as error:
                return Answer(ok=False, error=_words(error))

    async def _post(self, endpoint: Endpoint, sent: Envelope) -> Answer:
        scheme = await self._checked(endpoint.target)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            **headers_of(sent, endpoint, self._clock.now()),
        }
        async with self._session(scheme).post(
            endpoint.target, data=sent.body, headers=headers, allow_redirects=False
        ) as response:
            await response.content.read(_READ)
            return _answer(response.status, response.headers)

    async def _checked(self, url: str) -> str:
        """The scheme; TargetRefused. A name is looked up by the resolver, an address here."""
        scheme, host, _ = self._targets.read(url)
        if host.replace(".", "").isdigit() or ":" in host:
            await self._targets.check(url)
        return scheme

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        if scheme not in self._sessions:
            context: ssl.SSLContext | bool = True
            if self._settings.ca_file is not None:
                context = ssl.create_default_context(cafile=str(self._settings.ca_file))
            self._sessions[scheme] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=PinnedResolver(self._targets, scheme), use_dns_cache=False,
                    limit=ALL_AT_ONCE, keepalive_timeout=KEEPALIVE_S, ssl=context,
                ),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
            )  # fmt: skip
        return self._sessions[scheme]

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


def _answer(status: int, headers: Mapping[str, str]) -> Answer:
    if 200 <= status < 300:
        return Answer(ok=True, status=status)
    error = f"HTTP {status}"
    if 300 <= status < 400:
        error += ": redirects are not followed"
    return Answer(
        ok=False,
        status=status,
        error=error,
        retry_after_s=_retry_after(headers.get("Retry-After")),
        gone=status == 410,
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds; a date is left to the schedule."""
    if value is None or not value.strip().isdigit():
        return None
    return min(float(value.strip()), RETRY_AFTER_MOST_S)


def _words(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    words = getattr(cause, "strerror", None) or str(cause) or type(error).__name__
    return str(words)[:_WORDS]


class ExecSender:
    """Commands of the configuration: the event as JSON on standard input, no shell."""

    def __init__(self, commands: tuple[ExecSettings, ...]) -> None:
        self._commands = {each.name: each for each in commands}

    async def send(self, endpoint: Endpoint, sent: Envelope) -> Answer:
        """Run it; exit status 0 is a success."""
        command = self._commands[endpoint.target]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {"AIRPOST_EVENT_ID": sent.id, "AIRPOST_EVENT_TYPE": sent.type}
        try:
            process = await asyncio.create_subprocess_exec(
                *command.command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, env=environment,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return Answer(ok=False, error=f"cannot be run: {_words(error)}")
        try:
            async with asyncio.timeout(command.timeout_s):
                said = await _talk(process, sent.body)
                status = await process.wait()
        except TimeoutError:
            _end(process)
            await process.wait()
            return Answer(ok=False, error=f"was not done after {command.timeout_s:g} s")
        except asyncio.CancelledError:
            _end(process)
            raise
        if status == 0:
            return Answer(ok=True, status=0)
        return Answer(ok=False, status=status, error=f"exit status {status}: {said}"[:_WORDS])


async def _talk(process: Process, body: bytes) -> str:
    """Hand over the event; the beginning of what it complains of."""
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        process.stdin.write(body)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        pass  # it need not read it
    said = b""
    while more := await process.stderr.read(_READ):
        said = (said + more)[:_READ]
    return " ".join(said.decode(errors="replace").split())


def _end(process: Process) -> None:
    """It and all it has started."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended

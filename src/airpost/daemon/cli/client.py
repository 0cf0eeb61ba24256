"""The service as commands reach it: HTTP over a Unix socket or TCP, synchronous, stdlib only.

May import click and the HTTP settings. Failures end the command with the exit codes of `airpost`.
"""

from __future__ import annotations

import functools
import http.client
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click

from airpost.codec.alphabets import Language
from airpost.codec.transliterate import Transliterate
from airpost.services.http.settings import DEFAULT_SOCKET

Json = dict[str, Any]
DEFAULT_URL = f"unix:{DEFAULT_SOCKET}"
TIMEOUT_S = 30.0
MAX_PAGE = 500
EXIT_UNREACHABLE = 3


class Unreachable(click.ClickException):
    """The service cannot be reached."""

    exit_code = EXIT_UNREACHABLE


class Refused(click.ClickException):
    """The service said no; `problem` is what it answered."""

    def __init__(self, status: int, problem: Json) -> None:
        detail = problem.get("detail") or problem.get("title") or f"HTTP {status}"
        super().__init__(str(detail))
        self.status = status
        self.problem = problem


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Calls to one service; a connection each."""

    def __init__(self, url: str = DEFAULT_URL, key: str | None = None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, wait_s: float = 0) -> Json:
        """The JSON at `path`; members of `query` that are None are left out."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{path}?{urlencode(given)}" if given else path
        return self._call("GET", target, timeout_s=TIMEOUT_S + wait_s)

    def post(
        self, path: str, body: Json, headers: Mapping[str, str] | None = None, *, wait_s: float = 0
    ) -> Json:
        """The answer to a JSON body."""
        return self._call("POST", path, body, headers, timeout_s=TIMEOUT_S + wait_s)

    def put(self, path: str, body: Json) -> Json:
        """The answer to PUT with a JSON body."""
        return self._call("PUT", path, body)

    def delete(self, path: str) -> Json:
        """The answer to DELETE, {} for none."""
        return self._call("DELETE", path)

    def items(self, path: str, query: Mapping[str, Any]) -> Iterator[Json]:
        """Everything in a list, page after page, oldest first."""
        cursor: str | None = None
        while True:
            page = self.get(path, {**query, "cursor": cursor, "limit": MAX_PAGE})
            yield from page["items"]
            if page["next"] is None or not page["items"]:
                return
            cursor = page["next"]

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._url.startswith("unix:"):
            return _UnixConnection(self._url.removeprefix("unix:"), timeout_s)
        usage = click.UsageError("--url is unix:/path, http://host:port or https://host:port")
        try:
            parts = urlsplit(self._url)
            port = parts.port
        except ValueError:
            raise usage from None
        kinds: dict[str, type[http.client.HTTPConnection]] = {
            "http": http.client.HTTPConnection,
            "https": http.client.HTTPSConnection,
        }
        if parts.scheme not in kinds or not parts.hostname or parts.path not in ("", "/"):
            raise usage
        return kinds[parts.scheme](parts.hostname, port, timeout=timeout_s)

    def _call(
        self,
        method: str,
        target: str,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Json:
        connection = self._connection(timeout_s)
        sent = {**self._headers, **(headers or {})}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, target, body=data, headers=sent)
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            words = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(f"no service at {self._url}: {words}") from error
        finally:
            connection.close()
        answer = _object(raw)
        if response.status >= 400:
            raise Refused(response.status, answer)
        return answer


def _object(raw: bytes) -> Json:
    try:
        answer = json.loads(raw) if raw else {}
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"detail": "the answer is no JSON object"}


def segment(name: str) -> str:
    """`name` as one step of a path."""
    return quote(name, safe="")


def pause(delay_s: float) -> None:
    """Wait between two looks at the service; Ctrl-C ends it."""
    threading.Event().wait(delay_s)


def talks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--url` and `--key`, and hand it a `client`."""

    @click.option("--url", envvar="AIRPOST_URL", default=DEFAULT_URL, show_default=True,
                  help="Where the service is [$AIRPOST_URL].")  # fmt: skip
    @click.option(
        "--key", envvar="AIRPOST_KEY", help="The API key, where one is needed [$AIRPOST_KEY]."
    )
    @functools.wraps(command)
    def wrapped(*args: Any, url: str, key: str | None, **kwargs: Any) -> None:
        command(*args, client=Client(url, key), **kwargs)

    return wrapped


as_json_option = click.option("--json", "as_json", is_flag=True, help="JSON, one object a line.")
languages_option = click.option(
    "--language", "languages", multiple=True, type=click.Choice([each.value for each in Language]),
    help="A national alphabet that may be used where it saves parts; may be repeated.",
)  # fmt: skip
transliterate_option = click.option(
    "--transliterate", type=click.Choice([each.value for each in Transliterate]),
    help="Letters that GSM 7-bit lacks become the nearest that it has.",
)  # fmt: skip


def _pairs(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> Json:
    found: Json = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise click.BadParameter("is NAME=VALUE")
        found[name] = value
    return found


values_option = click.option(
    "--value", "values", multiple=True, metavar="NAME=VALUE", callback=_pairs,
    help="A value for the template; may be repeated.",
)  # fmt: skip


def text_of(given: str) -> str:
    """The text given, or standard input for "-"."""
    return sys.stdin.read().removesuffix("\n") if given == "-" else given

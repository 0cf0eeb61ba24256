"""What commands have in common that talk to the service: the client, where it is, what it said.

Failures end a command with the exit codes of `airpost`.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TextIO
from urllib.parse import quote

import click

from airpost import client
from airpost.client import SOCKET
from airpost.codec.alphabets import Language
from airpost.codec.transliterate import Transliterate
from airpost.errors import Refused, Unreachable

Json = dict[str, Any]
EXIT_UNREACHABLE = 3


class Unanswered(click.ClickException):
    """The end of a command that could not reach the service."""

    exit_code = EXIT_UNREACHABLE


class Client(client.Client):
    """The client of every Python program, with the verbs that administration needs.

    It tries once where nothing else is said: somebody is waiting for the command.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, *, patience_s: float = 0.0
    ) -> None:
        super().__init__(url, key, patience_s=patience_s)

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, wait_s: float = 0) -> Json:
        """The JSON at `path`; members of `query` that are None are left out."""
        return self.call(Json, "GET", path, query, wait_s=wait_s)

    def post(
        self, path: str, body: Json, headers: Mapping[str, str] | None = None, *, wait_s: float = 0
    ) -> Json:
        """The answer to a JSON body."""
        return self.call(Json, "POST", path, body=body, headers=headers, wait_s=wait_s)

    def put(self, path: str, body: Json) -> Json:
        """The answer to PUT with a JSON body."""
        return self.call(Json, "PUT", path, body=body)

    def delete(self, path: str) -> Json:
        """The answer to DELETE, {} for none."""
        return self.call(Json, "DELETE", path)

    def blocked_by(self) -> list[str]:
        """Why the service takes nothing now, by `/health/ready`; asked once, whatever comes."""
        patience_s, self._patience_s = self._patience_s, 0.0
        try:
            self.get("/health/ready")
        except Refused as error:
            return [str(each) for each in error.problem.get("reasons", ())]
        except Unreachable:
            pass  # whoever asked for more than this has said so
        finally:
            self._patience_s = patience_s
        return []


def segment(name: str) -> str:
    """`name` as one step of a path."""
    return quote(name, safe="")


def say_blocked(client: Client) -> None:
    """One line on standard error while the service can take nothing, and why."""
    if reasons := client.blocked_by():
        click.echo(f"nothing can be taken or sent now: {'; '.join(reasons)}", err=True)


def pause(delay_s: float) -> None:
    """Wait between two looks at the service; Ctrl-C ends it."""
    threading.Event().wait(delay_s)


def talks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the service is, and hand it a `client`."""

    @click.option(
        "--url",
        envvar="AIRPOST_URL",
        default=SOCKET,
        show_default=True,
        help="Where the service is [$AIRPOST_URL].",
    )
    @click.option(
        "--key-file",
        envvar="AIRPOST_KEY_FILE",
        type=click.File(encoding="ascii"),
        help="The file with the API key, where one is needed [$AIRPOST_KEY_FILE].",
    )
    @click.option(
        "--key",
        envvar="AIRPOST_KEY",
        help="The key itself; better by $AIRPOST_KEY: others see what commands are given.",
    )
    @click.option(
        "--retry",
        "retry_s",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        help="Try again for so long while the service is away or says later.",
    )
    @functools.wraps(command)
    def wrapped(
        *args: Any, url: str, key: str | None, key_file: TextIO | None, retry_s: float,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        if not key and key_file is not None:
            key = key_file.read().strip()
        try:
            made = Client(url, key, patience_s=retry_s)
        except ValueError as error:
            raise click.UsageError(f"--url: {error}") from None
        try:
            with made:
                command(*args, client=made, **kwargs)
        except Unreachable as error:
            raise Unanswered(error.message) from error
        except Refused as error:
            raise click.ClickException(error.message) from error

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

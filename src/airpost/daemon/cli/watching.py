"""`--watch`: what a command shows is shown again and again, until it is interrupted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from airpost.daemon.cli.client import pause
from airpost.errors import Unreachable

EVERY_S = 2.0


def watched(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--watch`; on a terminal, each look takes the place of the one before."""

    @click.option("--watch", is_flag=True, help="Show it again every 2 s, until interrupted.")
    @functools.wraps(command)
    def wrapped(*args: Any, watch: bool, **kwargs: Any) -> None:
        if not watch:
            command(*args, **kwargs)
            return
        seen = False
        try:
            while True:
                click.clear()  # nothing where this is no terminal
                try:
                    command(*args, **kwargs)
                    seen = True
                except (
                    Unreachable
                ) as error:  # a restart is waited for, an address that is wrong not
                    if not seen:
                        raise
                    click.echo(error.message, err=True)
                pause(EVERY_S)
        except KeyboardInterrupt:
            return

    return wrapped

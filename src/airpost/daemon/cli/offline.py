"""A command that goes through the service, and to its store when it is not running.

May import everything. The store is opened under its lock, so that there is never a second writer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import click

from airpost.audit import Entry, Value
from airpost.clock import SystemClock
from airpost.errors import AirpostError, ConfigError, Unreachable
from airpost.store.api import Store

T = TypeVar("T")
Work = Callable[[Store], Awaitable[T]]
CONFIG = "/etc/airpost/airpost.toml"

config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), envvar="AIRPOST_CONFIG",
    default=CONFIG, show_default=True,
    help="Whose store is opened when the service is not running.",
)  # fmt: skip


def either(online: Callable[[], T], offline: Work[T], config_path: Path) -> T:
    """What the service says; when it is not running, the work at its store."""
    try:
        return online()
    except Unreachable:
        if elsewhere() or not config_path.exists():
            raise
    try:
        return asyncio.run(_at_store(offline, config_path))
    except (AirpostError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def here() -> str:
    """From where a command acts, for the audit log."""
    return f"command line uid={os.getuid()}"


async def noted(store: Store, action: str, subject: str = "", **detail: Value) -> None:
    """A row of the audit log about what was done at a store."""
    entry = Entry(
        at=SystemClock().now(),
        action=action,
        actor="local",
        origin=here(),
        subject=subject,
        detail=detail,
    )
    await store.audit.append([entry])


def elsewhere() -> bool:
    """True when a service was named that is not simply the one of this machine."""
    context = click.get_current_context()
    typed = context.get_parameter_source("url") is click.core.ParameterSource.COMMANDLINE
    return typed or not str(context.params["url"]).startswith("unix:")


async def _at_store(work: Work[T], config_path: Path) -> T:
    store = _store(config_path)
    await store.open(SystemClock().now())
    try:
        return await work(store)
    finally:
        await store.close()


def store_path_in(config_path: Path) -> Path:
    """Where the store lies by a configuration; ConfigError that names the file."""
    from airpost.daemon.config.load import load_config

    try:
        return load_config(config_path).store.path
    except ConfigError as error:
        raise ConfigError(str(config_path), str(error)) from error


@contextmanager
def at_rest(config_path: Path) -> Iterator[Path]:
    """Where the store lies, and nobody else opens it meanwhile; ClickException where one has it."""
    from airpost.store.lock import StoreLock

    try:
        path = store_path_in(config_path)
        lock = StoreLock(path)
        lock.take()
    except AirpostError as error:
        raise click.ClickException(str(error)) from error
    try:
        yield path
    finally:
        lock.release()


def _store(config_path: Path) -> Store:
    from importlib import import_module

    make: Any = import_module("airpost.store.sqlite").SqliteStore
    store: Store = make(store_path_in(config_path), SystemClock(), Random())
    return store

"""`airpost serve`: run the service in the foreground, as systemd wants it."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

import click

from airpost.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from airpost.daemon.config.settings import Settings

log = logging.getLogger("airpost.run")
EXIT_CONFIG = 2  # `RestartPreventExitStatus=2`: a mistake in a file is not mended by starting again
YOUNG_OBJECTS = 5000  # made since the last look; at CPython's 700 each third POST began one
OTHER_DESCRIPTORS = 448  # the store, some thirty modems, and connections that are being refused
LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR")


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), envvar="AIRPOST_CONFIG",
              default="/etc/airpost/airpost.toml", show_default=True)  # fmt: skip
@click.option("--log-level", type=click.Choice(LEVELS, case_sensitive=False), default="INFO",
              show_default=True, help="TRACE shows what goes over the wires, masked.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text",
              show_default=True)  # fmt: skip
def serve(config_path: Path, log_level: str, log_format: str) -> None:
    """Run the service until it is told to stop; what is on the air is finished first."""
    from airpost.daemon.config.load import load_config
    from airpost.daemon.logs import configure

    configure(log_level, log_format)
    faulthandler.enable()  # the watchdog's SIGABRT shows where every thread stands
    _spare_threads()
    try:
        asyncio.run(_serve(load_config(config_path), config_path))
    except ConfigError as error:
        click.echo(f"airpost: {config_path}: {error}", err=True)
        raise SystemExit(EXIT_CONFIG) from error
    except StoreError as error:
        click.echo(f"airpost: {error}", err=True)
        raise SystemExit(1) from error


def _use_all_descriptors(connections: int) -> None:
    """As many as this process may have; a warning where connections could take the others'."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # not allowed: then what there is must do
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    has, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if has != resource.RLIM_INFINITY and has < connections + OTHER_DESCRIPTORS:
        log.warning(
            "serve.few_descriptors limit=%d http.max_connections=%d: ports and the store may get "
            "none; raise LimitNOFILE= (ulimit -n) or take fewer connections", has, connections,
        )  # fmt: skip


def _spare_the_heap() -> None:
    """What stands at the start stays: looking through it once more held everything up for 40 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


def _spare_threads() -> None:
    """The kernel tells when a command has ended; Python 3.11 begins a thread for each that waits.

    With these a command of `[[exec]]` held everything up for 1.4 ms at the 99th percentile, without
    for 0.9 ms.
    """
    if sys.version_info < (3, 12):  # later ones do so by themselves
        with suppress(OSError):  # a kernel before 5.3: then with threads
            os.close(os.pidfd_open(os.getpid()))
            asyncio.get_event_loop_policy().set_child_watcher(asyncio.PidfdChildWatcher())


async def _serve(settings: Settings, config_path: Path) -> None:
    from airpost.clock import SystemClock
    from airpost.daemon.activation import passed_sockets
    from airpost.daemon.config.load import load_config
    from airpost.daemon.processor import Processor
    from airpost.daemon.run import Daemon
    from airpost.daemon.sdnotify import Notifier
    from airpost.tasks import spawn, stop

    _use_all_descriptors(settings.http.max_connections)
    daemon = Daemon(
        settings, SystemClock(), SystemRandom(), Notifier(),
        passed=passed_sockets(os.environ),
        reread=lambda: load_config(config_path).digest,
    )  # fmt: skip
    _spare_the_heap()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)
    staying = spawn(Processor(SystemClock()).run(), name="processor")
    try:
        await daemon.run()
    finally:
        await stop(staying)

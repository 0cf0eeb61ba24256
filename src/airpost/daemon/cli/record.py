"""`airpost record PORT`: a redacted transcript of what a modem says of itself and its settings.

May import the doctor. Only questions are asked; through the service where it holds the port.
"""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airpost.daemon.cli.client import Client, Json, talks
from airpost.errors import AtError, ModemError, PortError, Refused, Unreachable

if TYPE_CHECKING:
    from airpost.daemon.doctor.line import ModemLine
    from airpost.modem.profile import Profile


@click.command()
@click.argument("port")
@click.option("--baud", type=click.IntRange(300, 4_000_000), default=115_200, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
              help="A new file; standard output where not given.")  # fmt: skip
@talks
def record(client: Client, port: str, *, baud: int, output: Path | None) -> None:
    """Record what the modem at PORT (or of that NAME in the service) answers, as JSON.

    It can be read by anybody: numbers, IMEI, ICCID, texts and places are blanked. hw-sim plays it
    back, and a profile may rest on it, unless its `basis` says that the modem is simulated.
    """
    if output is not None and output.exists():
        raise click.UsageError(f"{output} is there already; name a new file")
    held = _held_by_service(client, port)
    try:
        made = asyncio.run(_by_service(client, *held) if held else _by_port(port, baud))
    except (PortError, ModemError, AtError) as problem:
        raise click.ClickException(str(problem)) from problem
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"{len(made['steps'])} steps in {output}; look into it before you show it")


def _held_by_service(client: Client, port: str) -> tuple[str, str] | None:
    """Name and port of the modem that the running service has at this port."""
    try:
        modems = client.get("/v1/modems")["items"]
    except (Unreachable, Refused):
        return None
    device = Path(port).resolve()
    for each in modems:
        if each["name"] == port or Path(each["port"]).resolve() == device:
            return str(each["name"]), str(each["port"])
    return None


async def _by_service(client: Client, name: str, port: str) -> Json:
    from airpost.daemon.doctor.line import ServiceLine
    from airpost.daemon.doctor.tape import ask_all, basis_of, record

    with ThreadPoolExecutor(1) as threads:
        line = ServiceLine(client, name, threads)
        maker, model = await _who(line)
        steps = await ask_all(line, _profile(maker, model))
    return record(_id(maker, model), maker, model, "lines", steps, basis_of(port))


async def _by_port(port: str, baud: int) -> Json:
    from airpost.clock import SystemClock
    from airpost.daemon.doctor.line import opened
    from airpost.daemon.doctor.tape import Tape, ask_all, basis_of, record
    from airpost.modem.port import PortSettings

    tape = Tape(port, SystemClock())
    async with opened(port, PortSettings(baud=baud), tape) as line:
        maker, model = await _who(line)
        tape.running = True
        await ask_all(line, _profile(maker, model))
        tape.running = False
    return record(_id(maker, model), maker, model, "bytes", tape.steps(), basis_of(port))


async def _who(line: ModemLine) -> tuple[str | None, str | None]:
    from airpost.at import replies
    from airpost.errors import CommandFailed

    found = []
    for text, read in (("AT+CGMI", replies.manufacturer), ("AT+CGMM", replies.model)):
        try:
            found.append(read(await line.ask(text)))
        except CommandFailed:
            found.append(None)
    return found[0], found[1]


def _profile(maker: str | None, model: str | None) -> Profile:
    from airpost.modem.profiles import load_profiles

    return load_profiles().for_modem(manufacturer=maker, model=model)


def _id(maker: str | None, model: str | None) -> str:
    words = f"record-{maker or 'unknown'}-{model or 'modem'}".lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")

"""The table of commands: cheap to start, complete in help, honest about what is absent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import click
import pytest

from airpost.daemon.cli import main as module
from airpost.daemon.cli.main import COMMANDS
from tests.daemon.cli.conftest import run

HEAVY = ("aiohttp", "pydantic", "sqlite3", "sqlite_utils", "rich", "asyncio")


def test_starting_loads_nothing_heavy() -> None:
    code = f"import sys, airpost.daemon.cli.main; print([m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["send", "messages", "modems", "queue", "inbound", "pdu"])
def test_commands_that_talk_load_no_server(name: str) -> None:
    where = COMMANDS[name][0].split(":")[0]
    code = f"import sys, {where}; print([m for m in {HEAVY[:4]!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_help_names_every_command() -> None:
    text = run("--help").stdout
    assert all(f"  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_that_is_there_can_be_loaded(name: str) -> None:
    if find_spec(COMMANDS[name][0].split(":")[0]) is not None:
        assert "Usage:" in run(name, "--help").stdout


def test_a_command_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMANDS", {"x": ("airpost.daemon.cli.absent:x", "absent")})
    assert "not part of this installation" in run("x", code=1).stderr
    assert "absent" in run("--help").stdout


def test_a_fault_inside_a_command_is_not_taken_for_its_absence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError("no", name="aiohttp")

    monkeypatch.setattr(module, "import_module", broken)
    with pytest.raises(ModuleNotFoundError):
        run("send", "1", "x")


def test_wrong_usage_and_the_version() -> None:
    run("fly", code=2)
    run("send", code=2)
    assert run("--version").stdout.startswith("airpost, version ")


# They run on, write a file, talk with somebody, or are answered without a body.
WITHOUT_JSON = {
    "serve", "demo", "completion", "record", "at console", "contacts export", "groups export",
    "contacts remove", "groups remove", "blocklist remove", "schedules delete", "webhooks delete",
    "webhooks replay", "keys revoke",
}  # fmt: skip


def test_whatever_is_told_is_told_as_json_too() -> None:
    def leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if not isinstance(command, click.Group):
            yield name, command
            return
        for each in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), each)
            assert found is not None
            yield from leaves(f"{name} {each}".strip(), found)

    without = {
        name for name, command in leaves("", module.main)
        if not any({"--json", "--jsonl"} & set(each.opts) for each in command.params)
    }  # fmt: skip
    assert without == WITHOUT_JSON

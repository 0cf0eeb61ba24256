"""A group that does something by itself."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from airpost.daemon.cli.groups import DefaultGroup


@click.group(cls=DefaultGroup, default="show")
def group() -> None:
    """The group."""


@group.command()
@click.argument("name", required=False)
@click.option("--loud", is_flag=True)
def show(name: str | None, *, loud: bool) -> None:
    click.echo(f"show {name} {loud}")


@group.command()
def other() -> None:
    click.echo("other")


@pytest.mark.parametrize(
    ("args", "said"),
    [([], "show None False"), (["a"], "show a False"), (["--loud", "a"], "show a True"),
     (["show", "other"], "show other False"), (["other"], "other")],
)  # fmt: skip
def test_the_default_is_meant_where_no_other_is_named(args: list[str], said: str) -> None:
    assert CliRunner().invoke(group, args).output == said + "\n"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_that_of_the_group(flag: str) -> None:
    done = CliRunner().invoke(group, [flag], obj=None)
    assert flag == "-h" or "The group." in done.output

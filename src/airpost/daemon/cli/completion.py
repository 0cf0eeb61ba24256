"""`airpost completion SHELL`: what makes a shell complete commands, options and names of modems."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from airpost.daemon.cli.client import Client
from airpost.errors import ClientError

PROGRAM = "airpost"
VARIABLE = "_AIRPOST_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what SHELL needs to complete `airpost`; put it where its start-up files are.

    \b
    bash  airpost completion bash > ~/.local/share/bash-completion/completions/airpost
    zsh   airpost completion zsh > ~/.zfunc/_airpost      (~/.zfunc in fpath, compinit after)
    fish  airpost completion fish > ~/.config/fish/completions/airpost.fish
    """
    from airpost.daemon.cli.main import main

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(main, {}, PROGRAM, VARIABLE).source())


def modem_names(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The modems of the service whose names begin so; none where it does not answer."""
    try:
        with Client(ctx.params.get("url"), ctx.params.get("key")) as client:
            names = [each["name"] for each in client.call(dict, "GET", "/v1/modems")["items"]]
    except (ClientError, ValueError, OSError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]

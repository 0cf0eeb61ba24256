"""`airpost …`: the table of commands; each is loaded when it is called, so starting is fast."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

# Name → where it is, and what help says about it without loading it.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("airpost.daemon.cli.serve:serve", "Run the service."),
    "demo": ("airpost.daemon.cli.demo:demo", "Run the service on simulated modems."),
    "send": ("airpost.daemon.cli.send:send", "Send a text to one or many."),
    "messages": ("airpost.daemon.cli.messages:messages", "List messages, or show one."),
    "batches": ("airpost.daemon.cli.batches:batches", "List batches, or show one."),
    "explain": ("airpost.daemon.cli.explain:explain", "Tell why a message goes by its modem."),
    "blocklist": ("airpost.daemon.cli.blocklist:blocklist", "Numbers that are never texted."),
    "contacts": ("airpost.daemon.cli.contacts:contacts", "People by name, for use as numbers."),
    "groups": ("airpost.daemon.cli.contact_groups:groups", "Several people under one name."),
    "inbound": ("airpost.daemon.cli.inbound:inbound", "List received messages."),
    "modems": ("airpost.daemon.cli.modems:modems", "List the modems; pause one."),
    "reset": ("airpost.daemon.cli.reset:reset", "Bring a modem back by a reset."),
    "queue": ("airpost.daemon.cli.queue:queue", "Show what waits; move or release it."),
    "stats": ("airpost.daemon.cli.stats:stats", "Show what became of all that was asked for."),
    "db": ("airpost.daemon.cli.db:db", "Check, prune, copy and put back the store."),
    "schedules": (
        "airpost.daemon.cli.schedules:schedules",
        "Send messages again and again.",
    ),
    "webhooks": (
        "airpost.daemon.cli.webhooks:webhooks",
        "Have events sent to programs.",
    ),
    "keys": ("airpost.daemon.cli.keys:keys", "Make, list, rotate and revoke API keys."),
    "audit": ("airpost.daemon.cli.audit:audit", "Show who did what; verify that log."),
    "preview": ("airpost.daemon.cli.preview:preview", "Show the parts a text would take."),
    "config": ("airpost.daemon.cli.config:config", "Check a configuration file."),
    "pdu": ("airpost.daemon.cli.pdu:pdu", "Decode, split and join SMS PDUs."),
    "at": ("airpost.daemon.cli.at:at", "Ask a modem, or read recorded answers."),
    "record": ("airpost.daemon.cli.record:record", "Record what a modem says of itself."),
    "completion": ("airpost.daemon.cli.completion:completion", "Let the shell complete commands."),
    "doctor": ("airpost.daemon.cli.doctor:doctor", "Find out what is wrong, and what mends it."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, or None for a name that is not in the table."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        try:
            found = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise
            raise click.ClickException(f"{cmd_name!r} is not part of this installation") from error
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in `--help`, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="airpost", prog_name="airpost")
def main() -> None:
    """Text messages over USB modems, with the truth about delivery.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the service cannot be reached.
    """


if __name__ == "__main__":
    main()

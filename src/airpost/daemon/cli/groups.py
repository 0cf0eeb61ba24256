"""Commands that have commands of their own, and do something without them too."""

from __future__ import annotations

import click

HELP = ("-h", "--help")


class DefaultGroup(click.Group):
    """A group whose `default` command is meant where none of the others is named."""

    def __init__(self, *args: object, default: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default's name before what does not begin with another's."""
        if not args or (args[0] not in self.commands and args[0] not in HELP):
            args = [self._default, *args]
        return super().parse_args(ctx, args)

"""`airpost preview TEXT`: the parts a text would take; no service is needed."""

from __future__ import annotations

import sys

import click

from airpost.codec.alphabets import Language
from airpost.codec.dcs import Alphabet
from airpost.codec.split import split
from airpost.daemon.cli.client import as_json_option, languages_option
from airpost.daemon.cli.tables import printable, say_fields, say_json
from airpost.errors import CodecError
from airpost.services.http.render import preview_json

_ALPHABETS = {None: None, "gsm7": Alphabet.GSM7, "ucs2": Alphabet.UCS2}


@click.command()
@click.argument("text")
@click.option("--encoding", type=click.Choice(["gsm7", "ucs2"]), help="Instead of the fitting one.")
@click.option("--concat-bits", type=click.Choice(["8", "16"]), default="8", show_default=True,
              help="As the service is configured.")  # fmt: skip
@languages_option
@as_json_option
def preview(
    text: str, *, encoding: str | None, concat_bits: str, languages: tuple[str, ...], as_json: bool
) -> None:
    """Show the parts TEXT would take; "-" is read from standard input."""
    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    try:
        done = split(
            text,
            alphabet=_ALPHABETS[encoding],
            concat_bits=int(concat_bits),
            national=tuple(Language(each).number for each in languages),
        )
    except CodecError as error:
        raise click.ClickException(f"{error.field}: {error.message}") from error
    shown = preview_json(text, done)
    if as_json:
        say_json(shown)
        return
    say_fields((name, shown[name]) for name in ("alphabet", "units", "parts"))
    say_fields([("not in GSM 7-bit", " ".join(shown["offenders"]))])
    for part in shown["texts"]:
        click.echo(f"{part['seq']}: {printable(part['text'])}")

"""`airpost preview TEXT`: the parts a text would take; no service is needed."""

from __future__ import annotations

import json

import click

from airpost.daemon.cli.client import (
    as_json_option,
    languages_option,
    text_of,
    transliterate_option,
    values_option,
)
from airpost.daemon.cli.tables import printable, say_fields, say_json
from airpost.errors import AirpostError
from airpost.services.http.preview import previewed
from airpost.services.http.schemas import PreviewIn, read_body
from airpost.services.http.settings import MAX_PARTS, HttpSettings


@click.command()
@click.argument("text")
@click.option("--template", is_flag=True, help="TEXT is a template (Jinja2) of --value.")
@values_option
@click.option("--encoding", type=click.Choice(["gsm7", "ucs2"]), help="Instead of the fitting one.")
@click.option("--concat-bits", type=click.Choice(["8", "16"]), default="8", show_default=True,
              help="As the service is configured.")  # fmt: skip
@languages_option
@transliterate_option
@as_json_option
def preview(
    text: str,
    *,
    template: bool,
    values: dict[str, str],
    encoding: str | None,
    concat_bits: str,
    languages: tuple[str, ...],
    transliterate: str | None,
    as_json: bool,
) -> None:
    """Show the parts TEXT would take; "-" is read from standard input."""
    if values and not template:
        raise click.UsageError("--value belongs to --template")
    given = {
        "template" if template else "text": text_of(text),
        "values": values if template else None,
        "encoding": encoding,
        "languages": list(languages),
        "transliterate": transliterate,
    }
    settings = HttpSettings(concat_bits=int(concat_bits), max_parts=MAX_PARTS)
    body = json.dumps({name: value for name, value in given.items() if value is not None})
    try:
        shown = previewed(read_body(PreviewIn, body.encode()), settings)
    except AirpostError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        say_json(shown)
        return
    say_fields((name, shown[name]) for name in ("alphabet", "units", "parts"))
    say_fields([("not in GSM 7-bit", " ".join(shown["offenders"]))])
    told = shown["transliteration"]
    if told is not None and told["saves_parts"] and shown["sent_text"] is None:
        count = told["saves_parts"]
        click.echo(f"--transliterate always saves {count} part{'s' if count > 1 else ''}")
    for part in shown["texts"]:
        click.echo(f"{part['seq']}: {printable(part['text'])}")

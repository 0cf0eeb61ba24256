"""`airpost pdu decode | split | join`: the codec for a person at a terminal and for scripts.

May import codec and click. Reads standard input line by line; a bad line never stops the rest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import click

from airpost.codec.dcs import Alphabet
from airpost.codec.join import JoinPart, join
from airpost.codec.pdu import Pdu, parse_octets, read_hex
from airpost.codec.split import Split, split
from airpost.codec.tpdu import Deliver, Direction, Submit, parse_tpdu
from airpost.daemon.cli.pdu_json import Json, concat_json, tpdu_json
from airpost.errors import CodecError

MAX_TEXT = 1_000_000  # characters; far beyond 255 parts, and a bound on what a line can cost
FORMS = ("rp-ack", "rp-error")  # what a report stood in; only the second has TP-FCS


@click.group()
def pdu() -> None:
    """Decode, split and join SMS PDUs."""


def _lines() -> Iterator[bytes]:
    stream: BinaryIO = sys.stdin.buffer
    for line in stream:
        if line.strip():
            yield line.rstrip(b"\r\n")


def _say(record: Json) -> None:
    click.echo(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"))


def _problem(error: CodecError) -> Json:
    return {"field": error.field, "offset": error.offset, "message": error.message}


def _run_records(work: Callable[[Json], Json]) -> None:
    """One JSON record in, one out; what is wrong with a record is said in its place."""
    for line in _lines():
        identity: Any = None
        try:
            record = _object(json.loads(line))
            identity = record.get("id")
            _say({"id": identity, **work(_object(record.get("input"), "input"))})
        except CodecError as error:
            _say({"id": identity, "error": _problem(error)})
        except (ValueError, RecursionError) as error:
            problem = CodecError("record", 0, f"is no JSON: {error}")
            _say({"id": identity, "error": _problem(problem)})


def _object(value: Any, name: str = "record") -> Json:
    if not isinstance(value, dict):
        raise CodecError(name, 0, "is missing or no JSON object")
    return value


def _get(given: Json, name: str, kind: type, default: Any = None) -> Any:
    value = given.get(name)
    value = default if value is None else value
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CodecError(name, 0, f"is missing or no {kind.__name__}")
    return value


def _direction(given: Json) -> Direction:
    try:
        return Direction(_get(given, "dir", str, "mt"))
    except ValueError:
        raise CodecError("dir", 0, "is neither mt nor mo") from None


def _parse(text: str, direction: Direction, *, prefix: bool, form: str = FORMS[0]) -> Pdu:
    if form not in FORMS:
        raise CodecError("form", 0, f"is neither {' nor '.join(FORMS)}")
    octets = read_hex(text)
    error_form = form == "rp-error"
    if prefix:
        return parse_octets(octets, direction, rp_error=error_form)
    tpdu = parse_tpdu(octets, direction, rp_error=error_form)
    return Pdu(smsc=None, tpdu=tpdu, tpdu_octets=octets, raw=octets)


def _decode_record(given: Json) -> Json:
    prefix = _get(given, "smsc_prefix", bool, default=True)
    form = _get(given, "form", str, FORMS[0])
    parsed = _parse(_get(given, "hex", str), _direction(given), prefix=prefix, form=form)
    return tpdu_json(parsed, smsc_prefix=prefix)


@pdu.command()
@click.option(
    "--jsonl", is_flag=True, help="Read records {id, input:{hex, smsc_prefix, dir, form}}."
)
@click.option("--direction", type=click.Choice(["mt", "mo"]), default="mt", show_default=True,
              help="To (mt) or from (mo) the mobile.")  # fmt: skip
@click.option("--no-smsc", is_flag=True, help="The PDUs begin with the TPDU.")
@click.option("--form", type=click.Choice(FORMS), default=FORMS[0],
              show_default=True, help="What a submit or deliver report stood in.")  # fmt: skip
def decode(jsonl: bool, direction: str, no_smsc: bool, form: str) -> None:
    """Read one PDU in hexadecimal per line, write one JSON object per line.

    A line that cannot be read gives {error: {field, offset, message}} in its place; the rest goes
    on, and the command ends with 0.
    """
    if jsonl:
        _run_records(_decode_record)
        return
    for line in _lines():
        try:
            text = line.decode("ascii", "replace")
            parsed = _parse(text, Direction(direction), prefix=not no_smsc, form=form)
            _say(tpdu_json(parsed, smsc_prefix=not no_smsc))
        except CodecError as error:
            _say({"error": _problem(error)})


def _text_of(given: Json) -> str:
    if "text_repeat" in given:
        pieces = [given["text_repeat"]]
    elif "text_pieces" in given:
        pieces = _get(given, "text_pieces", list)
    else:
        return str(_get(given, "text", str))
    out, size = [], 0
    for piece in pieces:
        match piece:
            case [str(char), int(count)] if 0 <= count * len(char) <= MAX_TEXT - size:
                out.append(char * count)
                size += len(out[-1])
            case _:
                raise CodecError("text_pieces", 0, f"a piece is [text, count], {MAX_TEXT} at most")
    return "".join(out)


def _split_record(given: Json) -> Json:
    text = _text_of(given)
    bits = _get(given, "ref_bits", int, 8)
    if bits not in (8, 16):
        raise CodecError("ref_bits", 0, "is neither 8 nor 16")
    single = _get(given, "single", int, 0)
    locking = _get(given, "locking", int, 0)
    language = _get(given, "national_language", int, 0)
    return split_json(_split(text, bits, (locking, single), language))


def _split(text: str, bits: int, languages: tuple[int, int], language: int) -> Split:
    """GSM 7-bit with the tables the caller allows, else as any text."""
    for number in (*languages, language):
        if not 0 <= number <= 255:
            raise CodecError("language", 0, f"{number} is no language number")
    locking, single = languages
    tables = [pair for pair in ((0, single), (locking, 0), languages) if any(pair)]
    national = [language] if language else []
    try:
        return split(text, concat_bits=bits, alphabet=Alphabet.GSM7, national=national,
                     tables=tables)  # fmt: skip
    except CodecError:
        return split(text, concat_bits=bits)


def split_json(made: Split) -> Json:
    """What `airpost pdu split` says of a text."""
    return {
        "segments": len(made.parts),
        "alphabet": made.alphabet.value,
        "units": made.units,
        "part_chars": [len(part.text or "") for part in made.parts],
    }


@pdu.command("split")
@click.option(
    "--jsonl",
    is_flag=True,
    help="Read records {id, input:{text | text_repeat | text_pieces, ref_bits, …}}.",
)
def split_command(jsonl: bool) -> None:
    """Read one text per line, write alphabet, units and parts as JSON.

    Errors as in `airpost pdu decode`. Records may allow tables: national_language, or single and
    locking.
    """
    if jsonl:
        _run_records(_split_record)
        return
    for line in _lines():
        try:
            _say(split_json(split(line.decode("utf-8", "replace"))))
        except CodecError as error:
            _say({"error": _problem(error)})


def _join_pdus(texts: list[Any], direction: Direction, *, prefix: bool) -> Json:
    parsed = []
    for text in texts:
        if not isinstance(text, str):
            raise CodecError("pdus", 0, "is no list of hexadecimal texts")
        tpdu = _parse(text, direction, prefix=prefix).tpdu
        if not isinstance(tpdu, Deliver | Submit):
            raise CodecError("TP-MTI", 0, "is no part of a message")
        parsed.append(tpdu)
    if not parsed:
        raise CodecError("pdus", 0, "is empty")
    joined = join([JoinPart(dcs=t.dcs, udh=t.udh, ud=t.ud, udl=t.udl) for t in parsed])
    out: Json = {
        "parts": [concat_json(each.concat) for each in parsed],
        "complete": not joined.partial,
    }
    if joined.data is None:
        out["text"] = joined.text
    else:
        out["data"] = joined.data.hex().upper()
    return out


def _join_record(given: Json) -> Json:
    prefix = _get(given, "smsc_prefix", bool, default=True)
    return _join_pdus(_get(given, "pdus", list), _direction(given), prefix=prefix)


@pdu.command("join")
@click.option("--jsonl", is_flag=True, help="Read records {id, input:{pdus, smsc_prefix, dir}}.")
@click.option("--direction", type=click.Choice(["mt", "mo"]), default="mt", show_default=True,
              help="To (mt) or from (mo) the mobile.")  # fmt: skip
@click.option("--no-smsc", is_flag=True, help="The PDUs begin with the TPDU.")
def join_command(jsonl: bool, direction: str, no_smsc: bool) -> None:
    """Join PDUs, one per line, to the message they make.

    With --jsonl each line holds a set. Errors as in `airpost pdu decode`.
    """
    if jsonl:
        _run_records(_join_record)
        return
    lines = [line.decode("ascii", "replace") for line in _lines()]
    try:
        _say(_join_pdus(lines, Direction(direction), prefix=not no_smsc))
    except CodecError as error:
        _say({"error": _problem(error)})

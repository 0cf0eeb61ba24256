"""Vectors derived by hand from the standard, each with its clause.

They were worked out from TS 23.038, 23.040, 24.011 and 27.005 without the codec, because the
simulator shares it: what both get wrong in the same way only these can show. `build` says that the
octets come back when the value is written; a vector with `error` is malformed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airpost.codec.address import Address, parse_address, parse_smsc
from airpost.codec.alphabets import gsm7
from airpost.codec.dcs import ALL, Alphabet
from airpost.codec.join import JoinPart, join
from airpost.codec.pdu import Pdu, parse_octets, read_hex
from airpost.codec.septets import pack, unpack
from airpost.codec.split import Split, split, split_data
from airpost.codec.times import (
    TimeStamp,
    ValidityFormat,
    ValidityPeriod,
    parse_stamp,
    parse_validity,
)
from airpost.codec.tpdu import Direction, parse_tpdu
from airpost.codec.udh import Concat, Ports, Udh, parse_udh
from airpost.daemon.cli.pdu_json import tpdu_json
from airpost.errors import CodecError

Json = dict[str, Any]
FOLDER = Path(__file__).resolve().parent.parent / "golden"


def vectors(name: str) -> pytest.MarkDecorator:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert all(row["clause"].startswith("TS ") for row in rows)
    return pytest.mark.parametrize("row", rows, ids=[row["id"] for row in rows])


def problem(error: pytest.ExceptionInfo[CodecError]) -> list[Any]:
    return [error.value.field, error.value.offset]


@vectors("septets")
def test_septets(row: Json) -> None:
    octets, fill, count = bytes.fromhex(row["hex"]), row["fill_bits"], row["septets"]
    tables = gsm7(row["locking"], row["single"])
    assert tables.decode(unpack(octets, count, fill)) == row["text"]
    if row["build"]:
        septets = tables.encode(row["text"])
        assert (len(septets), pack(septets, fill)) == (count, octets)


@vectors("dcs")
def test_dcs(row: Json) -> None:
    dcs = ALL[row["dcs"]]
    waiting = dcs.waiting and [dcs.waiting.type.value, dcs.waiting.active, dcs.waiting.store]
    assert (dcs.alphabet.value, dcs.cls, waiting) == (row["alphabet"], row["cls"], row.get("mwi"))
    flags = (dcs.compressed, dcs.auto_delete, dcs.reserved)
    assert flags == tuple(row.get(k, False) for k in ("compressed", "auto_delete", "reserved"))


@vectors("address")
def test_address(row: Json) -> None:
    octets, smsc = bytes.fromhex(row["hex"]), row.get("form") == "smsc"

    def read() -> tuple[Address | None, int]:
        return parse_smsc(octets) if smsc else parse_address(octets, 0, "address")

    if "error" in row:
        with pytest.raises(CodecError) as caught:
            read()
        assert problem(caught) == row["error"]
        return
    address, end = read()
    assert end == len(octets)
    if row["addr"] is None:
        assert address is None
        return
    assert address == Address(ton=row["ton"], npi=row["npi"], addr=row["addr"])
    if row["build"]:
        assert (address.build_smsc() if smsc else address.build()) == octets


@vectors("stamp")
def test_stamp(row: Json) -> None:
    octets = bytes.fromhex(row["hex"])
    if "error" in row:
        with pytest.raises(CodecError) as caught:
            parse_stamp(octets, 0, "TP-SCTS")
        assert problem(caught) == row["error"]
        return
    stamp, _ = parse_stamp(octets, 0, "TP-SCTS")
    assert (stamp.iso, stamp.bad_digit) == (row["iso"], row.get("bad_digit", False))
    if row["build"]:
        assert stamp.instant_us is not None
        assert TimeStamp.from_instant(stamp.instant_us, stamp.offset_quarters).octets == octets


@vectors("validity")
def test_validity(row: Json) -> None:
    octets, format_ = bytes.fromhex(row["hex"]), ValidityFormat[row["format"].upper()]
    if "error" in row:
        with pytest.raises(CodecError) as caught:
            parse_validity(octets, 0, format_)
        assert problem(caught) == row["error"]
        return
    period, end = parse_validity(octets, 0, format_)
    assert period is not None
    assert (period.seconds, end) == (row["seconds"], len(octets))
    assert (period.stamp and period.stamp.iso) == row.get("iso")
    shown = (period.kind, period.single_shot, period.extension)
    assert shown == (row.get("kind", 0), row.get("single_shot", False), row.get("extension", False))
    if row["build"]:
        made = {
            ValidityFormat.RELATIVE: lambda: ValidityPeriod.relative(row["seconds"]),
            ValidityFormat.ABSOLUTE: lambda: ValidityPeriod.absolute(TimeStamp(octets)),
            ValidityFormat.ENHANCED: lambda: ValidityPeriod.enhanced(
                row["seconds"], single_shot=period.single_shot
            ),
        }[format_]()
        assert made == period


@vectors("udh")
def test_udh(row: Json) -> None:
    octets = bytes.fromhex(row["hex"])
    header = parse_udh(octets)
    assert [[e.iei, e.data.hex().upper()] for e in header.elements] == row["elements"]
    assert header.ignored == row.get("ignored", False)
    concat, ports = row.get("concat"), row.get("ports")
    assert header.concat == (concat and Concat(**dict(zip(CONCAT, concat, strict=True))))
    assert header.ports == (ports and Ports(**dict(zip(PORTS, ports, strict=True))))
    languages = (header.single_shift, header.locking_shift)
    assert languages == (row.get("single", 0), row.get("locking", 0))
    waiting = [[each.type, each.store, each.count] for each in header.special_indications]
    assert waiting == row.get("waiting", [])
    if row.get("build", True):
        assert Udh(elements=header.elements).build() == octets


CONCAT = ("bits", "ref", "total", "seq")
PORTS = ("bits", "dst", "src")


def parsed(given: Json) -> Pdu:
    octets = read_hex(given["hex"])
    way, error = Direction(given["dir"]), given.get("form") == "rp-error"
    if given["smsc_prefix"]:
        return parse_octets(octets, way, rp_error=error)
    tpdu = parse_tpdu(octets, way, rp_error=error)
    return Pdu(smsc=None, tpdu=tpdu, tpdu_octets=octets, raw=octets)


@vectors("tpdu")
def test_tpdu(row: Json) -> None:
    if "error" in row:
        with pytest.raises(CodecError) as caught:
            parsed(row["input"])
        assert problem(caught) == row["error"]
        return
    pdu = parsed(row["input"])
    shown = tpdu_json(pdu, smsc_prefix=row["input"]["smsc_prefix"])
    assert {key: shown.get(key, "absent") for key in row["expect"]} == row["expect"]
    if row["build"]:
        assert pdu.tpdu.build() == pdu.tpdu_octets


def whole(text: str | list[list[Any]]) -> str:
    return text if isinstance(text, str) else "".join(piece * count for piece, count in text)


def cut(given: Json) -> Split:
    options = dict(given)
    if (ports := options.pop("ports", None)) is not None:
        options["ports"] = Ports(**dict(zip(PORTS, ports, strict=True)))
    if "data" in options:
        return split_data(bytes.fromhex(whole(options.pop("data"))), **options)
    if "alphabet" in options:
        options["alphabet"] = Alphabet(options["alphabet"])
    return split(whole(options.pop("text")), **options)


@vectors("split")
def test_split(row: Json) -> None:
    if "error" in row:
        with pytest.raises(CodecError) as caught:
            cut(row["given"])
        assert problem(caught) == row["error"]
        return
    made = [
        {"dcs": each.dcs, "udl": each.udl, "udh": each.udh.hex().upper(),
         "ud": each.ud.hex().upper()} for each in cut(row["given"]).parts
    ]  # fmt: skip
    assert made == [each | {"ud": whole(each["ud"])} for each in row["parts"]]


@vectors("join")
def test_join(row: Json) -> None:
    joined = join(
        [JoinPart(dcs=each["dcs"], udh=bytes.fromhex(each["udh"]), ud=bytes.fromhex(each["ud"]),
                  udl=each["udl"]) for each in row["parts"]]
    )  # fmt: skip
    assert list(joined.missing) == row["missing"]
    assert joined.text == row.get("text")
    assert (joined.data and joined.data.hex().upper()) == row.get("data")

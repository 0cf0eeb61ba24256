"""Every recorded vector of other implementations, through the public functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from airpost.codec.address import Address, parse_address, parse_smsc
from airpost.codec.alphabets import gsm7
from airpost.codec.dcs import ALL
from airpost.codec.pdu import parse_octets, read_hex
from airpost.codec.septets import pack, pack_ussd, unpack, unpack_ussd
from airpost.codec.tables import DEFAULT, EXTENSION, LANGUAGES, LOCKING, SINGLE
from airpost.codec.times import (
    TimeStamp,
    ValidityFormat,
    ValidityPeriod,
    parse_stamp,
    parse_validity,
)
from airpost.codec.tpdu import (
    Direction,
    decode_user_data,
    parse_tpdu,
)
from airpost.codec.ucs2 import decode as decode_ucs2
from airpost.codec.ucs2 import encode as encode_ucs2
from airpost.codec.udh import parse_udh
from airpost.daemon.cli.pdu import pdu
from airpost.daemon.cli.pdu_json import concat_json
from airpost.errors import CodecError

Json = dict[str, Any]


def rows(corpus: Path, name: str, *kinds: str) -> list[Json]:
    lines = (corpus / "pdu" / name).read_text(encoding="utf-8").splitlines()
    found = [row for row in map(json.loads, lines) if not kinds or row["kind"] in kinds]
    assert found
    return found


def through_cli(command: str, records: list[Json]) -> dict[str, Json]:
    lines = "\n".join(json.dumps(record) for record in records)
    result = CliRunner().invoke(pdu, [command, "--jsonl"], input=lines)
    assert result.exit_code == 0, result.output
    return {row["id"]: row for row in map(json.loads, result.output.splitlines())}


def wrong(row: Json, got: Json) -> str | None:
    """What is wrong with an answer; None when the vector is met."""
    expect = row.get("expect")
    if row["outcome"] == "reject":
        return None if "error" in got else f"{row['id']}: not rejected: {got}"
    if row["outcome"] == "lenient" and "error" in got:
        return None
    expect = {k: v for k, v in (expect or {}).items() if k != "read"}
    seen = {key: got.get(key, "absent") for key in expect}
    return None if seen == expect else f"{row['id']}: {seen} instead of {expect}"


@pytest.mark.parametrize(
    ("command", "name", "kind"),
    [("decode", "tpdu.jsonl", "tpdu"), ("split", "split.jsonl", "split"),
     ("join", "concat.jsonl", "concat-set")],
)  # fmt: skip
def test_through_the_command_line(corpus: Path, command: str, name: str, kind: str) -> None:
    records = rows(corpus, name, kind)
    got = through_cli(command, records)
    assert [said for row in records if (said := wrong(row, got[row["id"]]))] == []


# Vectors that are decoded but not built again to the octet, each with its clause.
NOT_REBUILT = {
    # TS 23.040 9.1.2.5: bit 7 of the type of address is always 1; the source's empty address has 0.
    "w618-urdu-single-segment-with-shift-urdu",
}


def test_what_builds_to_the_same_octets(corpus: Path) -> None:
    checked = 0
    for row in rows(corpus, "tpdu.jsonl", "tpdu"):
        if row["outcome"] != "ok" or row["direction"] != "both":
            continue
        if row["id"] in NOT_REBUILT:
            continue
        given = row["input"]
        octets = read_hex(given["hex"])
        kind = Direction(given["dir"])
        error = given.get("form") == "rp-error"
        if given["smsc_prefix"]:
            parsed = parse_octets(octets, kind, rp_error=error)
            tpdu, original = parsed.tpdu, parsed.tpdu_octets
        else:
            tpdu, original = parse_tpdu(octets, kind, rp_error=error), octets
        assert tpdu.build() == original, row["id"]
        checked += 1
    assert checked > 100


def test_septets_and_text(corpus: Path) -> None:
    for row in rows(corpus, "gsm7.jsonl"):
        given, expect = row["input"], row["expect"]
        octets = bytes.fromhex(given["hex"])
        ussd = given["packing"] == "ussd-cr"
        if "septets_hex" in expect:
            septets = bytes.fromhex(expect["septets_hex"])
            if given["packing"] == "none":
                assert octets == septets
                continue
        else:
            septets = None
        if row["direction"] != "encode":
            if given["packing"] == "none":
                unpacked = octets
            elif given["septets"] is None:
                unpacked = unpack_ussd(octets, given["fill_bits"])
            else:
                unpacked = unpack(octets, given["septets"], given["fill_bits"])
            if septets is not None:
                assert unpacked == septets, row["id"]
            else:
                tables = gsm7(expect["locking"], expect["single"])
                assert tables.decode(unpacked) == expect["text"], row["id"]
        if row["direction"] != "decode":
            if septets is None:
                septets = gsm7(expect["locking"], expect["single"]).encode(expect["text"])
            packed = (pack_ussd if ussd else pack)(septets, given["fill_bits"])
            assert packed == octets, row["id"]


def _address(row: Json, octets: bytes) -> Json:
    smsc = row["input"]["form"] == "smsc"
    if smsc:
        address, read = parse_smsc(octets)
        assert address is not None
    else:
        address, read = parse_address(octets, 0, "address")
    if row["direction"] == "both":
        assert (address.build_smsc() if smsc else address.build()) == octets
    return {"ton": address.ton, "npi": address.npi, "addr": address.addr, "read": read}


def _timestamp(row: Json, octets: bytes) -> Json:
    stamp, _ = parse_stamp(octets, 0, "TP-SCTS")
    assert stamp.octets == octets
    expect = row["expect"]["iso"]
    if row["direction"] != "decode" and stamp.instant_us is not None and expect[:2] == "20":
        assert TimeStamp.from_instant(stamp.instant_us, stamp.offset_quarters) == stamp
    assert stamp.iso is not None
    # Two digits of a year: 99 may be read as 1999 or 2099.
    return {"iso": expect[:2] + stamp.iso[2:]}


def _validity(row: Json, octets: bytes) -> Json:
    format_ = ValidityFormat[row["input"]["format"].upper()]
    period, _ = parse_validity(octets, 0, format_)
    assert period is not None
    if row["direction"] == "both" and format_ is ValidityFormat.RELATIVE:
        assert ValidityPeriod.relative(row["expect"]["seconds"]) == period
    if period.stamp is not None:
        return {"iso": period.stamp.iso}
    return {"seconds": period.seconds, "efi": period.kind}


def _field(row: Json) -> Json:
    octets = bytes.fromhex(row["input"]["hex"])
    match row["kind"]:
        case "address":
            return _address(row, octets)
        case "timestamp":
            return _timestamp(row, octets)
        case "validity":
            return _validity(row, octets)
        case "udh":
            header = parse_udh(octets)
            if row["direction"] == "both":
                assert header.build() == octets
            ports = header.ports
            return {
                "concat": concat_json(header.concat),
                "ports": ports and {"bits": ports.bits, "dst": ports.dst, "src": ports.src},
            }
        case "ucs2":
            text = decode_ucs2(octets)
            assert encode_ucs2(text) == octets
            return {"text": text}
        case _:
            given = row["input"]
            end = 1 + octets[0]
            udh, ud = octets[:end], octets[end:]
            text = decode_user_data(ALL[given["dcs"]], udh, ud, given["udl"])
            return {"text": text, "concat": concat_json(parse_udh(udh).concat)}


def test_single_fields(corpus: Path) -> None:
    for row in rows(corpus, "fields.jsonl"):
        try:
            got = _field(row)
        except CodecError as error:
            got = {"error": str(error)}
        if row["outcome"] == "lenient" and row["expect"] is None:
            continue
        expect = row["expect"] or {}
        got = {key: value for key, value in got.items() if key in expect or key == "error"}
        if row["outcome"] == "reject":
            assert "error" in got, row["id"]
        elif not (row["outcome"] == "lenient" and "error" in got):
            assert got == expect, row["id"]


def test_all_coding_schemes(corpus: Path) -> None:
    found = rows(corpus, "tables/dcs.jsonl")
    assert len(found) == 256
    for row in found:
        dcs = ALL[row["dcs"]]
        assert dcs.alphabet.value == row["alphabet"], row
        assert (dcs.cls, dcs.compressed) == (row["class"], row["compressed"]), row
        assert dcs.auto_delete == row.get("auto_delete", False), row
        assert dcs.reserved == row.get("reserved", False), row
        waiting = dcs.waiting and {
            "store": dcs.waiting.store,
            "active": dcs.waiting.active,
            "type": dcs.waiting.type.value,
        }
        assert waiting == row.get("mwi"), row


def test_all_tables(corpus: Path) -> None:
    theirs = json.loads((corpus / "pdu/tables/gsm7.json").read_text(encoding="utf-8"))

    def shown(table: tuple[str | None, ...]) -> dict[str, str]:
        return {f"{code:02X}": char for code, char in enumerate(table) if char is not None}

    assert shown(DEFAULT) == theirs["default"]
    assert shown(EXTENSION) == theirs["extension"]
    assert {str(k): v for k, v in LANGUAGES.items()} == theirs["languages"]
    for language in LANGUAGES:
        if str(language) in theirs["locking"]:
            assert shown(LOCKING[language]) == theirs["locking"][str(language)], language
        assert shown(SINGLE[language]) == theirs["single"][str(language)], language


def test_an_address_survives_its_own_octets() -> None:
    address = Address.from_number("+12345")
    assert parse_address(address.build(), 0, "x")[0] == address

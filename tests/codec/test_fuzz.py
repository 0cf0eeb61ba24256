"""Whatever comes in, the codec gives a value or CodecError(field, offset), and nothing else.

AIRPOST_FUZZ is the number of cases; `python -m tests.fuzz.pdu` runs a million with progress.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from airpost.codec.address import Address, dialable, parse_address, parse_smsc
from airpost.codec.alphabets import gsm7
from airpost.codec.causes import Phase, classify, code_of_words, status_outcome
from airpost.codec.dcs import ALL, Alphabet
from airpost.codec.join import JoinPart, join
from airpost.codec.pdu import Pdu, build_pdu, parse_octets, parse_pdu, read_hex
from airpost.codec.septets import pack, pack_ussd, unpack, unpack_ussd
from airpost.codec.split import Split, split, split_data
from airpost.codec.times import parse_stamp, parse_validity
from airpost.codec.tpdu import Direction, Submit, Tpdu, decode_user_data, parse_tpdu
from airpost.codec.udh import Ports, parse_udh, stamp_reference
from airpost.daemon.cli.pdu_json import tpdu_json
from airpost.errors import CodecError

CASES = int(os.environ.get("AIRPOST_FUZZ", "20000"))
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "tpdu.jsonl"
TO = Address.from_number("+4912345")

# Every TPDU of the golden vectors that can be read, as a start for mutation.
SEEDS = [
    bytes.fromhex(row["input"]["hex"])
    for row in map(json.loads, GOLDEN.read_text(encoding="utf-8").splitlines())
    if "expect" in row
]
# Characters that are treated differently somewhere: both alphabets, surrogates, what clings.
ODD = (
    "aÅ@\r\n€{|ß字😀\ud83d\udc00\u0301\u200d\ufe0f🏽🇩🇪ğŞıéñа\u1112\u1161क्षि\x00\u2028"
    "\U000e0067\uffff"
)
NUMBERS = "0123456789+*#abcABC ()-.\u00a0xé"


def octets(rng: Random) -> bytes:
    """Random octets, or a good TPDU with some octets changed, dropped, doubled, cut or appended."""
    if rng.random() < 0.3:
        return rng.randbytes(rng.choice((0, 1, 2, 8, 30, 175, 300)))
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = rng.randbytes(1)
            case 1:
                del data[at : at + rng.randrange(1, 4)]
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 3:
                del data[at:]
            case _:
                data[at : at + 1] = bytes((rng.choice((0, 0x40, 0x7F, 0x80, 0xA0, 0xFF)),))
    return bytes(data)


def words(rng: Random) -> str:
    """Text of a few kinds, some of it long, some with half a surrogate pair."""
    kind = rng.randrange(4)
    if kind == 0:
        alphabet = ODD
    elif kind == 1:
        alphabet = "".join(chr(rng.randrange(0x110000)) for _ in range(5))
    else:
        alphabet = gsm7().decode(bytes(range(27)) + bytes(range(28, 128))) + ODD[:8] * (kind - 2)
    size = rng.choice((0, 1, 5, 40, 71, 160, 400))
    return "".join(rng.choices(alphabet, k=size)) * (200 if rng.random() < 0.005 else 1)


def _read(pdu: Pdu, smsc_prefix: bool) -> None:
    tpdu_json(pdu, smsc_prefix=smsc_prefix)
    tpdu: Tpdu = pdu.tpdu
    assert parse_tpdu(tpdu.build(), _way(tpdu), rp_error=getattr(tpdu, "fcs", None) is not None)


def _way(tpdu: Tpdu) -> Direction:
    kind = type(tpdu).__name__
    return Direction.MO if kind in ("Submit", "DeliverReport", "Command") else Direction.MT


def a_tpdu(rng: Random) -> None:
    data, way, error = octets(rng), rng.choice(tuple(Direction)), rng.random() < 0.5
    tpdu = parse_tpdu(data, way, rp_error=error)
    _read(Pdu(smsc=None, tpdu=tpdu, tpdu_octets=data, raw=data), smsc_prefix=False)


def a_pdu(rng: Random) -> None:
    prefix = rng.choice((b"", b"\0", bytes.fromhex("06916407058099"), rng.randbytes(4)))
    way, error = rng.choice(tuple(Direction)), rng.random() < 0.5
    _read(parse_octets(prefix + octets(rng), way, rp_error=error), smsc_prefix=True)


def a_hex(rng: Random) -> None:
    text = list(octets(rng).hex())
    for _ in range(rng.randrange(3)):
        text.insert(rng.randrange(len(text) + 1), rng.choice(f"0fF G\r\n\0{ODD}"))
    read_hex("".join(text))
    parse_pdu("".join(text), rng.choice(tuple(Direction)))


def user_data(rng: Random) -> None:
    data = octets(rng)
    decode_user_data(ALL[rng.randrange(256)], data[:9], data[9:], rng.randrange(256))
    gsm7(rng.randrange(20), rng.randrange(20)).decode(bytes(each & 0x7F for each in data))


def a_header(rng: Random) -> None:
    data = octets(rng)[:140]
    header = parse_udh(data)
    _ = (header.concat, header.ports, header.single_shift, header.special_indications)
    stamp_reference(data, rng.randrange(70_000))
    header.build()


def fields(rng: Random) -> None:
    data = octets(rng)
    for read in READERS:
        try:
            read(data, rng)
        except CodecError as error:
            check(error)


READERS: tuple[Callable[[bytes, Random], object], ...] = (
    lambda data, rng: parse_address(data, 0, "TP-OA")[0].build(),
    lambda data, rng: parse_smsc(data),
    lambda data, rng: parse_stamp(data, 0, "TP-SCTS")[0].instant_us,
    lambda data, rng: parse_validity(data, 0, rng.randrange(4))[0],
    lambda data, rng: unpack(data, rng.randrange(300), rng.randrange(7)),
    lambda data, rng: unpack_ussd(data, rng.randrange(7)),
    lambda data, rng: pack_ussd(bytes(each & 0x7F for each in data), rng.randrange(7)),
    lambda data, rng: unpack(pack(bytes(each & 0x7F for each in data)), len(data)),
    lambda data, rng: status_outcome(rng.randrange(256)),
    lambda data, rng: classify(rng.choice(("CMS", "CME", "ERROR")), rng.randrange(-5, 1000), "",
                               rng.choice(tuple(Phase))),
    lambda data, rng: code_of_words(rng.choice(("CMS", "CME", "ERROR", "x")), words(rng)),
)  # fmt: skip


def a_join(rng: Random) -> None:
    parts = []
    for _ in range(rng.randrange(1, 6)):
        data, udh = octets(rng), b""
        if rng.random() < 0.8:
            udh = bytes((5, 0, 3, 1, rng.choice((0, 2, 3, 255)), rng.randrange(5)))
        elif rng.random() < 0.5:
            udh = rng.randbytes(rng.randrange(1, 12))
        parts.append(JoinPart(dcs=rng.randrange(256), udh=udh, ud=data, udl=rng.randrange(256)))
    join(parts)


def a_split(rng: Random) -> None:
    text = words(rng)
    made = split(
        text,
        concat_bits=rng.choice((8, 16)),
        alphabet=rng.choice((None, None, *Alphabet)),
        national=rng.sample(range(20), rng.randrange(3)),
        tables=[(rng.randrange(20), rng.randrange(20))] * rng.randrange(2),
        cls=rng.choice((None, 0, 3)),
    )
    _comes_back(made, text)


def some_data(rng: Random) -> None:
    data, ports = rng.randbytes(rng.randrange(800)), None
    if rng.random() < 0.5:
        ports = Ports(bits=rng.choice((8, 16)), dst=rng.randrange(300), src=0)
    _comes_back(split_data(data, ports=ports), data)


def _comes_back(made: Split, content: str | bytes) -> None:
    """Through the TPDU and the joining it is what it was."""
    parts = []
    for each in made.parts:
        submit = Submit(da=TO, dcs=each.dcs, udh=each.udh, ud=each.ud, udl=each.udl)
        back = parse_pdu(build_pdu(submit.build())[0], Direction.MO).tpdu
        assert back == submit
        parts.append(JoinPart(dcs=each.dcs, udh=each.udh, ud=each.ud, udl=each.udl))
    joined = join(parts)
    assert content in (joined.text, joined.data)


def a_number(rng: Random) -> None:
    text = "".join(rng.choices(NUMBERS, k=rng.randrange(24)))
    address = Address.from_number(dialable(text))
    address.build()
    Address(ton=rng.randrange(8), npi=1, addr=text).build()


KINDS: dict[Callable[[Random], None], int] = {
    a_tpdu: 35, a_pdu: 15, a_hex: 10, user_data: 8, a_header: 8, fields: 5, a_join: 7, a_split: 6,
    some_data: 2, a_number: 4,
}  # fmt: skip


def check(error: CodecError) -> None:
    """The one exception that may leave names a field and an offset."""
    assert error.field
    assert error.offset >= 0


def case(rng: Random) -> bool:
    """One input of any kind; whether it was refused."""
    (kind,) = rng.choices(tuple(KINDS), tuple(KINDS.values()))
    try:
        kind(rng)
    except CodecError as error:
        check(error)
        return True
    return False


def test_nothing_but_a_codec_error_leaves() -> None:
    rng = Random(1)
    refused = sum(case(rng) for _ in range(CASES))
    assert 0 < refused < CASES

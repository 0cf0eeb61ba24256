"""How fast the codec is on one core: `python -m tests.bench.codec`.

A decode is what an incoming message costs: hexadecimal with the SMSC address to text, time and
concatenation. A part is what an outgoing one costs: its share of the split and the octets of its
SUBMIT. The bars are 30,000 a second each.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from airpost.codec.address import Address
from airpost.codec.pdu import build_pdu, parse_pdu
from airpost.codec.split import split
from airpost.codec.times import TimeStamp, ValidityPeriod
from airpost.codec.tpdu import Deliver, Direction, Submit
from tests.bench.machine import machine

BAR = 30_000
REPEATS = 9
ROUND_S = 0.3

# Text and the national languages its message allows.
MIX: dict[str, tuple[str, tuple[int, ...]]] = {
    "GSM 7-bit, one part": ("Your code is 482913. It is valid for 5 minutes.", ()),
    "GSM 7-bit, concatenated": (
        "Disk /dev/sda1 on db-3 is 91 % full {warning}: see https://ops.example/d/17 " * 5, ()),
    "UCS-2 with emoji": ("服务器温度过高 🔥 请立即检查三号机柜，谢谢 👍🏽。" * 4, ()),
    "national table": ("Şifreniz 482913. Lütfen kimseyle paylaşmayın, geçerlilik süresi 3 dk. " * 2,
                       (1,)),
}  # fmt: skip
TO = Address.from_number("+8613800138000")
SMSC = Address.from_number("+8613800100500")
STAMP = TimeStamp.from_instant(1_795_350_896_000_000, 32)
PERIOD = ValidityPeriod.relative(86_400)


def submits(text: str, national: tuple[int, ...]) -> int:
    """Split and build; the number of parts."""
    parts = split(text, national=national).parts
    for each in parts:
        Submit(
            da=TO, dcs=each.dcs, udh=each.udh, ud=each.ud, udl=each.udl, vp=PERIOD, srr=True
        ).build()
    return len(parts)


def received(text: str, national: tuple[int, ...]) -> list[str]:
    """The PDUs in which a text comes in."""
    return [
        build_pdu(Deliver(oa=TO, scts=STAMP, dcs=each.dcs, udh=each.udh, ud=each.ud,
                          udl=each.udl).build(), SMSC)[0]
        for each in split(text, national=national).parts
    ]  # fmt: skip


def read(pdus: list[str]) -> int:
    """Parse and look at all an inbox looks at; the number of PDUs."""
    for pdu in pdus:
        deliver = parse_pdu(pdu, Direction.MT).tpdu
        assert isinstance(deliver, Deliver)
        _ = (deliver.text, deliver.concat, deliver.scts.instant_us, deliver.oa.number)
    return len(pdus)


def rate(work: Callable[[], int]) -> float:
    """What `work` counts, a second: the median of some repeats."""
    rates = []
    for _ in range(REPEATS):
        done, began_s = 0, time.perf_counter()
        while (took_s := time.perf_counter() - began_s) < ROUND_S:
            done += work()
        rates.append(done / took_s)
    return statistics.median(rates)


def main() -> None:
    print(machine())
    texts = list(MIX.values())
    pdus = [received(*each) for each in texts]
    print(f"  {'':<26}{'DELIVER decodes/s':>20}{'text -> SUBMIT parts/s':>26}")
    for name, each, coming in zip(MIX, texts, pdus, strict=True):
        decodes, parts = rate(lambda c=coming: read(c)), rate(lambda e=each: submits(*e))  # type: ignore[misc]
        print(f"  {name:<26}{decodes:>20,.0f}{parts:>26,.0f}")
    decodes = rate(lambda: sum(read(each) for each in pdus))
    parts = rate(lambda: sum(submits(*each) for each in texts))
    print(f"  {'all four in turn':<26}{decodes:>20,.0f}{parts:>26,.0f}")
    met = decodes >= BAR and parts >= BAR
    print(
        f"codec: {decodes:,.0f} DELIVER decodes/s, {parts:,.0f} text -> SUBMIT parts/s on one "
        f"core, median of {REPEATS} (bar {BAR:,} each: {'met' if met else 'MISSED'})"
    )
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()

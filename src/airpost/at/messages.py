"""Answers about messages and where they lie: TS 27.005 as modems speak it.

Pure; imports grammar. As in `replies.py`: the lines of a Reply, or one line of a Urc, to a value,
or None (several values: an empty tuple) where they hold no such answer; nothing raises on any text.
A PDU stays the text it came as: the codec judges it, and what cannot be read must still be kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airpost.at.grammar import Field, fields_of, rests_of, split_prefix, values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A message as the modem tells it, in PDU mode unless `text_mode`.

    `index` only in a list; `stat` 0 unread, 1 read, 2 unsent, 3 sent (3.1), None where the modem
    leaves it out; `length` is the declared one: octets of the TPDU; `fields` and `body` are header
    and lines as received.
    """

    index: int | None = None
    stat: int | None = None
    length: int | None = None
    text_mode: bool = False
    fields: tuple[str, ...] = ()
    body: tuple[str, ...] = ()

    @property
    def pdu(self) -> str:
        """SMSC and TPDU in hexadecimal, as received; "" in text mode and where there is none."""
        if self.text_mode or not self.body:
            return ""
        lines = [line.strip() for line in self.body]
        return "".join(lines) if all(map(_is_hex, lines)) else lines[0]  # some are wrapped

    @property
    def octets(self) -> bytes | None:
        """The PDU; None where it is no whole number of octets in hexadecimal."""
        return bytes.fromhex(self.pdu) if _is_hex(self.pdu) and len(self.pdu) % 2 == 0 else None

    @property
    def tpdu_octets(self) -> int:
        """What `length` should be: octets behind the SMSC; negative when the PDU is cut short."""
        smsc = self.pdu[:2]
        return len(self.pdu) // 2 - 1 - (int(smsc, 16) if _is_hex(smsc) else 0)

    @property
    def length_matches(self) -> bool:
        """True when the declared length is that of the PDU."""
        return self.length == self.tpdu_octets


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"[0-9A-Fa-f]+", text) is not None


def _texts(fields: Iterable[Field]) -> tuple[str, ...]:
    return tuple(field.text.strip() for field in fields)


def _is_words(field: Field) -> bool:
    """True for the <stat> of text mode: "REC READ"."""
    return re.search(r"[A-Za-z]", field.text) is not None


def _record(header: str, body: Sequence[str], *, listed: bool) -> Record:
    """`[<index>,]<stat>,[<alpha>],<length>`; length is last, the others may be missing."""
    fields = fields_of(header)
    told = fields[1:] if listed else fields
    if told and _is_words(told[0]):
        text_mode, stat, length = True, None, None
    else:
        text_mode = False
        stat = told[0].number if len(told) > 1 else None
        length = told[-1].number if told else None
    return Record(
        index=fields[0].number if listed and fields else None,
        stat=stat,
        length=length,
        text_mode=text_mode,
        fields=_texts(fields),
        body=tuple(body),
    )


def _unglued(lines: Iterable[str]) -> list[str]:
    """Lines as they should have come: some firmware leaves out the line end before a header."""
    out: list[str] = []
    for line in lines:
        out += re.split(r"(?<=[0-9A-Fa-f])(?=\+CMGL:)", line)
    return out


def _records(lines: Iterable[str], prefix: str, *, listed: bool) -> tuple[Record, ...]:
    found: list[tuple[str, list[str]]] = []
    for line in _unglued(lines):
        here, rest = split_prefix(line)
        if here == prefix:
            found.append((rest, []))
        elif found:
            found[-1][1].append(line)
    return tuple(_record(header, body, listed=listed) for header, body in found)


def read(lines: Iterable[str]) -> Record | None:
    """+CMGR; None for an empty slot, which some modems answer with a bare OK."""
    records = _records(lines, "+CMGR", listed=False)
    return records[0] if records else None


def listed(lines: Iterable[str]) -> tuple[Record, ...]:
    """+CMGL; an entry whose index cannot be read has index None."""
    return _records(lines, "+CMGL", listed=True)


def pushed(line: str, payload: str | None) -> Record | None:
    """+CMT, +CDS, +CBM with the PDU that followed: `[<alpha>],<length>`.

    `payload` None: in text mode a +CDS is one line, a +CMT without its text is worth nothing.
    """
    prefix, rest = split_prefix(line)
    fields = fields_of(rest)
    if prefix not in ("+CMT", "+CDS", "+CBM") or not fields:
        return None
    return Record(
        length=fields[-1].number if len(fields) <= 2 else None,
        text_mode=payload is None or len(fields) > 2,
        fields=_texts(fields),
        body=() if payload is None else (payload,),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Where a message or report lies; None for what the modem does not say, or says wrongly."""

    store: str | None
    index: int | None


def announced(line: str) -> Announced | None:
    """+CMTI, +CDSI; `+CMTI: ,-1` is one that was not stored."""
    for rest in rests_of((line,), "+CMTI", "+CDSI"):
        fields = fields_of(rest)
        return Announced(
            store=_store(fields[0]) if fields else None,
            index=fields[1].number if len(fields) > 1 else None,
        )
    return None


def _store(field: Field) -> str | None:
    """The name of a store in upper case; None for a number and for nothing."""
    name = field.text.strip().upper()
    return name if re.fullmatch(r"[A-Z][A-Z_]+", name) else None


_PLAIN_REFERENCE = re.compile(r"\+CMGS: ?([0-9]{1,3})")  # as most write it


def reference(lines: Iterable[str]) -> int | None:
    """+CMGS (and +CMSS): TP-MR, 0 to 255, per segment; what follows it is not needed."""
    for line in lines:
        if plain := _PLAIN_REFERENCE.fullmatch(line):
            number: int | None = int(plain[1])
        else:
            rest = next(rests_of((line,), "+CMGS", "+CMSS"), "")
            fields = fields_of(rest)
            number = fields[0].number if fields else None
        if number is not None and number <= 255:
            return number
    return None


# --- settings -------------------------------------------------------------------------------------


def indications_offered(lines: Iterable[str]) -> tuple[tuple[int, ...], ...]:
    """+CNMI=?: the values each of <mode>,<mt>,<bm>,<ds>,<bfr> may have."""
    for rest in rests_of(lines, "+CNMI"):
        return tuple(values_of(field) for field in fields_of(rest))
    return ()


def indications(lines: Iterable[str]) -> tuple[int, ...]:
    """+CNMI?: <mode>,<mt>,<bm>,<ds>,<bfr>, as many as told."""
    for rest in rests_of(lines, "+CNMI"):
        values = _numbers(rest)
        if None not in values:
            return tuple(each for each in values if each is not None)
    return ()


def stores_offered(lines: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """+CPMS=?: the names each of <mem1>,<mem2>,<mem3> may have, the makers' own among them."""
    for rest in rests_of(lines, "+CPMS"):
        fields = fields_of(rest)
        if len(fields) == 1 and fields[0].group and fields[0].group[0].group is not None:
            fields = fields[0].group  # one pair of brackets around all
        return tuple(_names(field) for field in fields)
    return ()


def _names(field: Field) -> tuple[str, ...]:
    members = field.group if field.group is not None else (field,)
    return tuple(name for member in members if (name := member.text.strip().strip('"')))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One store; `name` None where the modem tells numbers only, as the answer to a set does."""

    name: str | None
    used: int
    total: int


def stores(lines: Iterable[str]) -> tuple[Fill, ...]:
    """+CPMS? and the answer to setting it, `"SM",3,30,…` or `3,30,…`: one to three stores."""
    for rest in rests_of(lines, "+CPMS"):
        fields = fields_of(rest)
        named = bool(fields) and fields[0].number is None
        step = 3 if named else 2
        found = []
        for at in range(0, len(fields) - step + 1, step):
            used, total = (field.number for field in fields[at + step - 2 : at + step])
            if used is None or total is None:
                break
            name = fields[at].text.strip() if named else ""
            found.append(Fill(name=name or None, used=used, total=total))
        return tuple(found)
    return ()


def services(lines: Iterable[str]) -> tuple[int, ...]:
    """+CSMS?: <service>,<mt>,<mo>,<bm>; service 1 is phase 2+, where +CNMA is wanted (3.2.1)."""
    for rest in rests_of(lines, "+CSMS"):
        return tuple(each for each in _numbers(rest) if each is not None)
    return ()


def more_to_send_offered(lines: Iterable[str]) -> tuple[int, ...]:
    """+CMMS=?: how long the link may be kept for more messages (3.5.6)."""
    for rest in rests_of(lines, "+CMMS"):
        return tuple(value for field in fields_of(rest) for value in values_of(field))
    return ()


def _numbers(rest: str) -> list[int | None]:
    return [field.number for field in fields_of(rest)]

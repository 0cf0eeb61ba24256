"""Recorded answers of modems as JSON, in the field names of `airpost at parse`.

May import at_cut, at, codec and outcome. Pure: values in, plain dicts out. The parsers are those
the service uses; here is only what the fields are called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airpost.at import messages, network, replies, urc
from airpost.at.events import Final
from airpost.at.grammar import split_prefix
from airpost.at.messages import Record
from airpost.codec.causes import Cause, cause_of, code_of_words
from airpost.codec.pdu import parse_octets
from airpost.codec.tpdu import Deliver, Direction
from airpost.daemon.cli.at_cut import Wire, cut
from airpost.errors import CodecError
from airpost.outcome import OutcomeClass, Scope

Json = dict[str, Any]
UNKNOWN: Mapping[str, Any] = {"unknown": True}

_STORES = ("ME", "SM", "MT", "SR", "BM", "TA")  # TS 27.005 3.2.2
_ACCESS = ("gsm", "gsm_compact", "umts", "edge", "hsdpa", "hsupa", "hspa", "lte", "gsm",
           "lte_nb_iot", "lte", "5gnr", "5gnr", "lte_5gnr")  # fmt: skip
_TIME = re.compile(r"\d{2,4}/\d{1,2}/\d{1,2},\d{1,2}:\d{2}:\d{2}\S*")


# --- answers to commands --------------------------------------------------------------------------


def _registration_read(lines: tuple[str, ...]) -> Json:
    found = network.registration(lines)
    if found is None:
        return {"present": False}
    out: Json = {"n": found.n, "stat": found.state.value}
    if not found.intact or (found.ci and not found.lac):
        return out | {"raw_lac": found.lac}
    return out | {"lac": found.lac or None, "ci": found.ci or None, "act": found.act}


def _signal(lines: tuple[str, ...]) -> Json:
    found = network.signal(lines) or network.Signal(rssi=None)
    return {"rssi": found.rssi, "ber": found.ber, "dbm": found.dbm}


def _operator(lines: tuple[str, ...]) -> Json:
    found = network.operator(lines)
    if found is None:
        return {"mode": None, "format": None, "operator": None, "act": None}
    return {
        "mode": found.mode,
        "format": found.format,
        "operator": found.name,
        "act": found.act,
    }


def _smsc(lines: tuple[str, ...]) -> Json:
    found = replies.smsc(lines) or replies.Smsc(number=None)
    return {"smsc": found.number, "toa": found.toa}


def _sim(lines: tuple[str, ...]) -> Json:
    found = replies.sim_status(lines)
    return {"status": found and found.value}


def _tries(lines: tuple[str, ...]) -> Json:
    found = replies.tries(lines) or replies.Tries()
    return {"pin_tries": found.pin, "puk_tries": found.puk, "asked_tries": found.asked}


def _identification(lines: tuple[str, ...]) -> Json:
    found = replies.identification(lines)
    return {
        "text": found.text,
        "manufacturer": found.manufacturer,
        "model": found.model,
        "revision": found.revision,
        "imei": found.imei,
    }


def _activity(lines: tuple[str, ...]) -> Json:
    found = replies.activity(lines)
    return {"activity": found and found.name.lower()}


def _ports(lines: tuple[str, ...]) -> Json:
    return {"ports_in_order": [use and use.value for use in replies.port_uses(lines)]}


def _stores(lines: tuple[str, ...]) -> Json:
    fills = messages.stores(lines)
    names = [fill.name if fill.name in _STORES else None for fill in fills[:2]]
    return {"mem1_mem2": names, "stores": [[f.name, f.used, f.total] for f in fills]}


def _stores_set(lines: tuple[str, ...]) -> Json:
    return {"cpms_set": [[f.name, f.used, f.total] for f in messages.stores(lines)]}


def _lists(values: Iterable[Iterable[object]]) -> list[list[object]]:
    return [list(each) for each in values]


def _accepted(record: Record) -> bool:
    """True when the PDU can be read; in a store, type 1 is a SUBMIT (TS 23.040 9.2.3.1)."""
    octets = record.octets or b""
    try:
        type_ = octets[1 + octets[0]] & 3 if octets and len(octets) > 1 + octets[0] else 0
        return bool(parse_octets(octets, Direction.MO if type_ == 1 else Direction.MT))
    except CodecError:
        return False


def _delivered(record: Record) -> Json:
    """Nothing wrong, user data, sender, user data again, text: as one source has it."""
    try:
        tpdu = parse_octets(record.octets or b"", Direction.MT).tpdu
        if not isinstance(tpdu, Deliver):
            return {}
        data = tpdu.ud.hex().upper()
        return {"parsed": [0, data, tpdu.oa.number, data, tpdu.text]}
    except CodecError:
        return {}


def _read(lines: tuple[str, ...]) -> Json:
    record = messages.read(lines)
    if record is None:
        return {"present": False}
    if record.text_mode:
        return {"text_lines": list(record.body), **_text_header(record.fields)}
    return {
        "fields": list(record.fields),
        "pdu": record.pdu,
        # The name these records have for "the PDU can be read".
        "accepted_by_gammu": _accepted(record),
        "pdu_octets": len(record.pdu) // 2,
        "declared_length": record.length,
        "tpdu_octets": record.tpdu_octets,
        "length_matches": record.length_matches,
        **_delivered(record),
    }


def _text_header(fields: tuple[str, ...]) -> Json:
    """`<stat>,<oa>,…,<scts>,…` of text mode (TS 27.005 3.4.2, 3.4.3)."""
    out: Json = {"stat": fields[0] if fields else "", "oa": fields[1] if len(fields) > 1 else ""}
    squeezed = (field.replace(" ", "") for field in fields[2:])
    stamp = next((field for field in squeezed if _TIME.fullmatch(field)), None)
    return out if stamp is None else out | {"scts": stamp}


def _entry(record: Record) -> Json:
    if record.text_mode:
        text = "\n".join(record.body)
        return {"index": record.index, **_text_header(record.fields[1:]), "text": text}
    return {"index": record.index, "status": record.stat, "pdu": record.pdu}


def _words(name: str, read: Callable[[tuple[str, ...]], object]) -> Callable[..., Json]:
    return lambda lines: {name: read(lines), "lines": len(lines)}


def _one(name: str, read: Callable[[tuple[str, ...]], object]) -> Callable[..., Json]:
    return lambda lines: {name: read(lines)}


def _nothing(_lines: tuple[str, ...]) -> Json:
    return {}


# Commands the service uses → what their answers hold.
_READERS: tuple[tuple[re.Pattern[str], Callable[[tuple[str, ...]], Json]], ...] = tuple(
    (re.compile(rf"AT(?:{command})", re.IGNORECASE), read)
    for command, read in (
        (r"\+C?GMI", _words("manufacturer", replies.manufacturer)),
        (r"\+C?GMM", _words("model", replies.model)),
        (r"\+C?GMR", _words("revision", replies.revision)),
        (r"\+C?GSN", _one("imei", replies.imei)),
        (r"I[0-9]?", _identification),
        (r"\+CIMI", _one("imsi", replies.imsi)),
        (r"\+CCID\??|[+^]ICCID\??", _one("iccid", replies.iccid)),
        (r"\+CNUM", lambda lines: {"numbers": list(replies.numbers(lines))}),
        (r"\+CPIN\?", _sim),
        (r"\+CPINR|\^CPIN\?|\+QPINC\?|#PCT\??", _tries),
        (r"\+CPAS", _activity),
        (r"\^GETPORTMODE", _ports),
        (r"\+CFUN\?", _one("cfun", replies.functionality)),
        (r"\+C(?:|G|E|5G)REG\?", _registration_read),
        (r"\+CSQ", _signal),
        (r"\+COPS\?", _operator),
        (r"\+CSCA\?", _smsc),
        (r"\+CNMI=\?", lambda lines: {"cnmi": _lists(messages.indications_offered(lines))}),
        (r"\+CNMI\?", lambda lines: {"cnmi": list(messages.indications(lines))}),
        (r"\+CPMS=\?", lambda lines: {"cpms": _lists(messages.stores_offered(lines))}),
        (r"\+CPMS\?", _stores),
        (r"\+CPMS=.+", _stores_set),
        (r"\+CMGR=[^?].*", _read),
        (r"\+CMGL(?:=[^?].*)?", lambda lines: {"entries": [*map(_entry, messages.listed(lines))]}),
        (r"\+CMGS=[^?].*", _one("mr", messages.reference)),
        (r"\+CSMS(?:=\d+|\?)", lambda lines: {"csms": list(messages.services(lines))}),
        (r"\+CMMS=\?", lambda lines: {"cmms": list(messages.more_to_send_offered(lines))}),
        (r"\+CUSD=[^?].*", lambda lines: _ussd("\n".join(lines)) if lines else {}),
        (r"|[EH][01]?|\+CNMA|\+CHUP", _nothing),
        (r"\+(?:CMEE|CMGF|CREG|COPS|CNMI|CMMS|CPIN|CFUN|CSCA|CNMA|CMGD|CLIP)=[^?].*", _nothing),
        (r"\+CMEE\?", lambda lines: {"info": list(lines)}),
    )
)  # fmt: skip


def _error(final: Final) -> Json:
    kind, code = final.kind.value, final.code
    out: Json = {"class": kind, "code": code_of_words(kind, final.text) if code is None else code}
    return out if out["code"] is not None or not final.text else out | {"text": final.text}


def _meaning(cause: Cause) -> str:
    """What is to be made of an error, in few words; its own name is told beside it."""
    if "not supported" in cause.text:
        return "not supported"
    if cause.cls is OutcomeClass.TRANSIENT:
        return "busy, retry" if cause.scope is Scope.MODEM else "retry later"
    return "refused" if cause.cls is OutcomeClass.PERMANENT else "outcome unknown"


def _answer(wire: Wire, told: bool) -> Json:
    command = wire.command or ""
    read = next((read for form, read in _READERS if form.fullmatch(command)), None)
    if read is None:
        return dict(UNKNOWN)
    if wire.final is not None and not wire.final.ok:
        error = _error(wire.final)
        if told and not wire.echoed:
            return {"error": error}
        cause = cause_of(error["class"], error["code"])
        if cause is None:
            return {"final": error, "meaning": wire.final.text}
        return {"final": error, "meaning": _meaning(cause), "name": cause.text}
    out = read(wire.lines)
    if wire.echoed or wire.unasked or not told:
        out |= {"unsolicited": list(wire.unasked), "info": list(wire.lines)}
    if wire.final is not None and (wire.echoed or not told or not wire.lines):
        out["final"] = "OK"
    return out


# --- lines nobody asked for -----------------------------------------------------------------------


def _registration_line(line: str) -> Json:
    found = network.registration((line,))
    if found is None:
        return {}
    return {
        "unsolicited": found.unsolicited,
        "which": found.which[1:],
        "state": found.state.name.lower(),
        "lac": _leading_hex(found.lac),
        "ci": _leading_hex(found.ci),
        "act": _access(found.act),
    }


def _leading_hex(text: str) -> int:
    found = re.match(r"[0-9A-Fa-f]{1,16}", text)
    return int(found[0], 16) if found else 0


def _access(act: int | None) -> str:
    return _ACCESS[act] if act is not None and act < len(_ACCESS) else "unknown"


def _ussd(text: str) -> Json:
    found = replies.ussd(text)
    if found is None:
        return {"ok": False}
    # The recordings write an absent coding scheme in two ways.
    absent = -1 if found.quoted else None
    out: Json = {
        "ok": True,
        "m": found.m,
        "text": found.text,
        "dcs": absent if found.dcs is None else found.dcs,
        "coding": _coding(found.text, found.dcs),
    }
    return out if found.quoted else out | {"quoted": False}


def _coding(text: str, dcs: int | None) -> str:
    """How the text is probably written; modems do not say (TS 23.038 5)."""
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        return "plain"
    if dcs is not None and (dcs == 0x11 or dcs & 0xCC == 0x48):
        return "ucs2-hex"
    return "gsm7-packed-hex"


def _announced(line: str) -> Json:
    found = messages.announced(line)
    return {} if found is None else {"mem": found.store, "index": found.index}


def _call(line: str) -> Json:
    found = urc.call(line)
    return {} if found is None else {"number": found.number, "type": found.toa}


def _pushed(line: str, payload: str | None) -> Json:
    record = messages.pushed(line, payload)
    return {} if record is None else {"length": record.length, "pdu": record.pdu}


def _record_line(record: Record) -> Json:
    index = {} if record.index is None else {"index": record.index}
    if record.text_mode:
        return index | _text_header(record.fields[0 if record.index is None else 1 :])
    alpha = record.fields[-2] if len(record.fields) > 2 else ""
    return index | {"stat": record.stat, "alpha": alpha, "length": record.length}


def _record_read(line: str) -> Json:
    record = messages.read((line,))
    return {} if record is None else _record_line(record)


def _record_listed(line: str) -> Json:
    return next((_record_line(each) for each in messages.listed((line,))), {})


# Prefix → what such a line says by itself.
_LINES: Mapping[str, Callable[[str], Json]] = {
    "+CREG": _registration_line,
    "+CGREG": _registration_line,
    "+CEREG": _registration_line,
    "+C5GREG": _registration_line,
    "+CMTI": _announced,
    "+CDSI": _announced,
    "+CLIP": _call,
    "+CCWA": _call,
    "+CRING": _call,
    "+CMGR": _record_read,
    "+CMGL": _record_listed,
    "+CPIN": lambda line: _sim((line,)),
    "+CSQ": lambda line: _signal((line,)),
    "+CFUN": lambda line: {"cfun": replies.functionality((line,))},
    "+CMGS": lambda line: {"mr": messages.reference((line,))},
}


def _first_line(lines: tuple[str, ...]) -> Json:
    """What the first line says that means something to the service; {} when none does."""
    for at, line in enumerate(lines):
        prefix = split_prefix(line)[0]
        if prefix == "+CUSD":
            return _ussd("\n".join(lines[at:]))
        if prefix in urc.WITH_PDU:
            return _pushed(line, lines[at + 1] if at + 1 < len(lines) else None)
        if prefix in _LINES:
            return _LINES[prefix](line)
    return {}


def parsed(stream: str, command: str | None = None, charset: str | None = None) -> Json:
    """What one recording says; `{"unknown": True}` for what the service has no use for.

    `charset` says that the recording is an operator's name as a modem with that AT+CSCS tells it.
    """
    if charset is not None and command is None:
        return {"operator": network.operator_name(stream)}
    wire = cut(stream, command)
    if wire.command is not None:
        return _answer(wire, told=command is not None)
    if found := _first_line(wire.lines):
        return found
    if wire.final is not None:
        return {"final_result_found": True, "is_error": not wire.final.ok}
    if len(wire.lines) == 1 and re.fullmatch(r"[A-Z][A-Z ]*", wire.lines[0]):
        return {"final_result_found": False, "is_error": False}
    return dict(UNKNOWN)

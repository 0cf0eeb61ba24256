"""TPDUs and parts as JSON, in the field names of `airpost pdu`.

May import codec. Pure: values in, plain dicts out.
"""

from __future__ import annotations

from typing import Any

from airpost.codec.address import Address
from airpost.codec.dcs import Dcs
from airpost.codec.pdu import Pdu
from airpost.codec.status import status_class
from airpost.codec.times import TimeStamp, ValidityFormat, ValidityPeriod
from airpost.codec.tpdu import (
    Command,
    Deliver,
    DeliverReport,
    StatusReport,
    Submit,
    SubmitReport,
)
from airpost.codec.udh import Concat, Ports, Udh

Json = dict[str, Any]
_KINDS = ("none", "relative", "seconds", "hhmmss")


def concat_json(concat: Concat | None) -> Json | None:
    """Reference, total and number of a part."""
    if concat is None:
        return None
    return {"bits": concat.bits, "ref": concat.ref, "total": concat.total, "seq": concat.seq}


def _ports(ports: Ports) -> Json:
    return {"bits": ports.bits, "dst": ports.dst, "src": ports.src}


def _address(address: Address, octets: bytes | None = None) -> Json:
    out: Json = {"ton": address.ton, "npi": address.npi, "addr": address.addr}
    if octets is not None:
        out["semi_octets"] = octets[0]
    return out


def _stamp(stamp: TimeStamp) -> Json:
    out: Json = {"hex": stamp.octets.hex().upper(), "iso": stamp.iso}
    if stamp.bad_digit and stamp.iso is not None:
        out["bad_digit"] = True
    return out


def _validity(period: ValidityPeriod | None) -> Json | None:
    if period is None:
        return None
    if period.format is ValidityFormat.RELATIVE:
        return {"format": "relative", "octet": period.octets[0], "seconds": period.seconds}
    shown = period.octets.hex().upper()
    if period.stamp is not None:
        return {"format": "absolute", "hex": shown, "iso": period.stamp.iso}
    kind = _KINDS[period.kind] if period.kind < len(_KINDS) else "reserved"
    return {
        "format": "enhanced",
        "hex": shown,
        "extension": period.extension,
        "single_shot": period.single_shot,
        "kind": kind,
        "seconds": period.seconds,
    }


def _coding(dcs: Dcs) -> Json:
    out: Json = {
        "dcs": dcs.octet,
        "alphabet": dcs.alphabet.value,
        "class": dcs.cls,
        "compressed": dcs.compressed,
    }
    if dcs.auto_delete:
        out["auto_delete"] = True
    if dcs.reserved:
        out["reserved_coding"] = True
    if dcs.waiting is not None:
        waiting = dcs.waiting
        out["mwi"] = {
            "type": waiting.type.value,
            "active": waiting.active,
            "store": waiting.store,
        }
    return out


def _header(udh: Udh) -> Json:
    out: Json = {"udh": [{"iei": e.iei, "data": e.data.hex().upper()} for e in udh.elements]}
    if udh.ignored:
        out["udh_ignored"] = True
    if udh.concat is not None:
        out["concat"] = concat_json(udh.concat)
    if udh.ports is not None:
        out["ports"] = _ports(udh.ports)
    if udh.single_shift:
        out["single_shift"] = udh.single_shift
    if udh.locking_shift:
        out["locking_shift"] = udh.locking_shift
    if udh.special_indications:
        out["special_indication"] = [
            {"type": each.type, "store": each.store, "count": each.count}
            for each in udh.special_indications
        ]
    return out


def _user_data(
    tpdu: Deliver | Submit | StatusReport | SubmitReport | DeliverReport, *, udhi: bool
) -> Json:
    out: Json = {"udl": tpdu.udl}
    if udhi:
        out |= _header(tpdu.header)
    coding = tpdu.coding
    if (text := tpdu.text) is not None:
        out["text"] = text
    if coding.alphabet.value != "gsm7" or coding.compressed:
        out["data"] = tpdu.ud.hex().upper()
    return out


def _optional(tpdu: StatusReport | SubmitReport | DeliverReport) -> Json:
    if tpdu.pi is None:
        return {}
    out: Json = {"pi": tpdu.pi}
    if tpdu.pi_ext:
        out["pi_ext"] = list(tpdu.pi_ext)
    if tpdu.pid is not None:
        out["pid"] = tpdu.pid
    if tpdu.has_dcs:
        out |= _coding(tpdu.coding)
    if tpdu.has_user_data:
        out |= _user_data(tpdu, udhi=tpdu.udhi)
    return out


def _deliver(tpdu: Deliver, first: int, octets: bytes) -> Json:
    flags = {
        "more_messages": tpdu.more_messages,
        "lp": tpdu.lp,
        "sri": tpdu.sri,
        "rp": tpdu.rp,
        "udhi": bool(first & 0x40),
    }
    out: Json = {"type": "deliver", "flags": flags}
    if tpdu.reserved_mti:
        out["reserved_mti"] = True
    out |= {"address": _address(tpdu.oa, octets[1:]), "pid": tpdu.pid, **_coding(tpdu.coding)}
    out["scts"] = _stamp(tpdu.scts)
    return out | _user_data(tpdu, udhi=bool(first & 0x40))


def _submit(tpdu: Submit, first: int, octets: bytes) -> Json:
    flags = {
        "rp": tpdu.rp,
        "udhi": bool(first & 0x40),
        "rd": tpdu.rd,
        "srr": tpdu.srr,
        "vpf": first >> 3 & 3,
    }
    out: Json = {"type": "submit", "flags": flags, "mr": tpdu.mr}
    out |= {"address": _address(tpdu.da, octets[2:]), "pid": tpdu.pid, **_coding(tpdu.coding)}
    out["vp"] = _validity(tpdu.vp)
    return out | _user_data(tpdu, udhi=bool(first & 0x40))


def _status_report(tpdu: StatusReport, first: int, octets: bytes) -> Json:
    flags = {
        "more_messages": tpdu.more_messages,
        "lp": tpdu.lp,
        "udhi": bool(first & 0x40),
        "srq": tpdu.srq,
    }
    return {
        "type": "status-report",
        "flags": flags,
        "mr": tpdu.mr,
        "address": _address(tpdu.ra, octets[2:]),
        "scts": _stamp(tpdu.scts),
        "dt": _stamp(tpdu.dt),
        "status": tpdu.status,
        "status_class": status_class(tpdu.status).value,
        **_optional(tpdu),
    }


def _report(tpdu: SubmitReport | DeliverReport, first: int) -> Json:
    kind = "submit-report" if isinstance(tpdu, SubmitReport) else "deliver-report"
    out: Json = {"type": kind, "flags": {"udhi": bool(first & 0x40)}}
    if tpdu.fcs is not None:
        out["fcs"] = tpdu.fcs
    if isinstance(tpdu, SubmitReport):
        out["scts"] = _stamp(tpdu.scts)
    return out | _optional(tpdu)


def _command(tpdu: Command, octets: bytes) -> Json:
    out: Json = {
        "type": "command",
        "flags": {"udhi": tpdu.udhi, "srr": tpdu.srr},
        "mr": tpdu.mr,
        "pid": tpdu.pid,
        "ct": tpdu.ct,
        "mn": tpdu.mn,
        "address": _address(tpdu.da, octets[5:]),
        "cdl": len(tpdu.data),
        "data": tpdu.payload.hex().upper(),
    }
    return out | (_header(tpdu.header) if tpdu.udhi else {})


def tpdu_json(pdu: Pdu, *, smsc_prefix: bool) -> Json:
    """One PDU as `airpost pdu decode` shows it."""
    tpdu, octets = pdu.tpdu, pdu.tpdu_octets
    first = octets[0]
    if isinstance(tpdu, Deliver):
        out = _deliver(tpdu, first, octets)
    elif isinstance(tpdu, Submit):
        out = _submit(tpdu, first, octets)
    elif isinstance(tpdu, StatusReport):
        out = _status_report(tpdu, first, octets)
    elif isinstance(tpdu, Command):
        out = _command(tpdu, octets)
    else:
        out = _report(tpdu, first)
    out["first_octet"] = first
    if smsc_prefix:
        out["smsc"] = None if pdu.smsc is None else _address(pdu.smsc)
    return out

"""All six TPDUs: what is built reads back, what is malformed is a CodecError."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.address import Address
from airpost.codec.alphabets import gsm7
from airpost.codec.septets import pack
from airpost.codec.times import TimeStamp, ValidityFormat, ValidityPeriod
from airpost.codec.tpdu import (
    Command,
    Deliver,
    DeliverReport,
    Direction,
    StatusReport,
    Submit,
    SubmitReport,
    fill_bits,
    parse_tpdu,
)
from airpost.errors import CodecError

octet = st.integers(0, 255)
address = st.builds(Address, ton=st.sampled_from([0, 1, 2]), npi=st.just(1),
                    addr=st.text("0123456789*#abc", min_size=1, max_size=20))  # fmt: skip
stamp = st.binary(min_size=7, max_size=7).map(TimeStamp)
header = st.one_of(st.just(b""), st.binary(min_size=1, max_size=30).map(
    lambda body: bytes((len(body),)) + body))  # fmt: skip


@st.composite
def user_data(draw: st.DrawFn) -> dict[str, Any]:
    """dcs, udh, ud and udl that belong together."""
    udh = draw(header)
    dcs = draw(st.sampled_from([0x00, 0x04, 0x08, 0x11, 0xF5, 0xE0, 0x20]))
    if dcs in (0x00, 0x11):
        septets = bytes(o & 0x7F for o in draw(st.binary(max_size=90)))
        fill = fill_bits(len(udh))
        udl = (8 * len(udh) + fill) // 7 + len(septets)
        return {"dcs": dcs, "udh": udh, "ud": pack(septets, fill), "udl": udl}
    ud = draw(st.binary(max_size=90))
    return {"dcs": dcs, "udh": udh, "ud": ud, "udl": len(udh) + len(ud)}


@st.composite
def validity(draw: st.DrawFn) -> ValidityPeriod | None:
    format_ = draw(st.sampled_from(ValidityFormat))
    size = {ValidityFormat.NONE: 0, ValidityFormat.RELATIVE: 1}.get(format_, 7)
    octets = draw(st.binary(min_size=size, max_size=size))
    return ValidityPeriod(format=format_, octets=octets) if octets else None


@given(address, octet, stamp, user_data(), st.tuples(*[st.booleans()] * 4))
def test_deliver(oa: Address, pid: int, scts: TimeStamp, ud: dict[str, Any], f: Any) -> None:
    made = Deliver(oa=oa, pid=pid, scts=scts, more_messages=f[0], lp=f[1], sri=f[2], rp=f[3], **ud)
    back = parse_tpdu(made.build(), Direction.MT)
    assert isinstance(back, Deliver)
    assert back.build() == made.build()
    assert (back.oa, back.scts, back.udh, back.text) == (oa, scts, made.udh, made.text)


@given(address, octet, octet, validity(), user_data(), st.tuples(*[st.booleans()] * 3))
def test_submit(
    da: Address, pid: int, mr: int, vp: ValidityPeriod | None, ud: dict[str, Any], f: Any
) -> None:
    made = Submit(da=da, pid=pid, mr=mr, vp=vp, rd=f[0], srr=f[1], rp=f[2], **ud)
    back = parse_tpdu(made.build(), Direction.MO)
    assert isinstance(back, Submit)
    assert back.build() == made.build()
    assert (back.da, back.vp, back.mr, back.text) == (da, vp, mr, made.text)


@st.composite
def optional(draw: st.DrawFn) -> dict[str, Any]:
    """TP-PI and what it announces."""
    ud = draw(user_data())
    has = {1: draw(st.booleans()), 2: draw(st.booleans()), 4: draw(st.booleans())}
    out: dict[str, Any] = {"pi": sum(bit for bit, present in has.items() if present)}
    if has[1]:
        out["pid"] = draw(octet)
    if has[4]:
        out |= ud
        if not has[2]:  # no TP-DCS reads as 0
            text = gsm7().encode("text")
            out |= {"dcs": 0, "udh": b"", "ud": pack(text), "udl": len(text)}
    elif has[2]:
        out["dcs"] = ud["dcs"]
    return out


@given(octet, address, stamp, stamp, octet, optional(), st.tuples(*[st.booleans()] * 3))
def test_status_report(
    mr: int, ra: Address, scts: TimeStamp, dt: TimeStamp, st_: int, more: dict[str, Any], f: Any
) -> None:
    made = StatusReport(mr=mr, ra=ra, scts=scts, dt=dt, status=st_, more_messages=f[0], lp=f[1],
                        srq=f[2], udhi=bool(more.get("udh")), **more)  # fmt: skip
    assert parse_tpdu(made.build(), Direction.MT) == made


@given(stamp, st.one_of(st.none(), st.integers(128, 255)), optional())
def test_submit_report(scts: TimeStamp, fcs: int | None, more: dict[str, Any]) -> None:
    made = SubmitReport(scts=scts, fcs=fcs, udhi=bool(more.get("udh")), **more)
    assert parse_tpdu(made.build(), Direction.MT, rp_error=fcs is not None) == made


@given(st.one_of(st.none(), st.integers(128, 255)), optional())
def test_deliver_report(fcs: int | None, more: dict[str, Any]) -> None:
    made = DeliverReport(fcs=fcs, udhi=bool(more.get("udh")), **more)
    assert parse_tpdu(made.build(), Direction.MO, rp_error=fcs is not None) == made


@given(octet, octet, octet, octet, address, header, st.binary(max_size=120), st.booleans())
def test_command(
    mr: int, pid: int, ct: int, mn: int, da: Address, head: bytes, rest: bytes, srr: bool
) -> None:
    made = Command(mr=mr, pid=pid, ct=ct, mn=mn, da=da, data=head + rest, srr=srr, udhi=bool(head))
    assert parse_tpdu(made.build(), Direction.MO) == made
    assert made.payload == rest
    _ = made.header.concat


def test_a_header_that_runs_past_the_command_data() -> None:
    with pytest.raises(CodecError) as caught:
        parse_tpdu(bytes.fromhex("4201000102 0291 21 02 0270"), Direction.MO)
    assert (caught.value.field, caught.value.offset) == ("TP-CD.udh", 9)


@given(st.binary(max_size=200), st.sampled_from(Direction), st.booleans())
def test_any_octets_parse_or_are_a_codec_error(octets: bytes, way: Direction, error: bool) -> None:
    try:
        tpdu = parse_tpdu(octets, way, rp_error=error)
    except CodecError as caught:
        offset = caught.offset
    else:
        offset = 0
        if isinstance(tpdu, Deliver | Submit | StatusReport):
            _ = (tpdu.text, tpdu.concat, tpdu.ports)
    assert 0 <= offset <= len(octets)


DELIVER = Deliver(oa=Address.from_number("+123"), scts=TimeStamp(bytes(7)), dcs=0,
                  ud=pack(b"hello"), udl=5).build()  # fmt: skip


@pytest.mark.parametrize("cut", range(len(DELIVER)))
def test_every_cut_names_its_field(cut: int) -> None:
    with pytest.raises(CodecError) as caught:
        parse_tpdu(DELIVER[:cut], Direction.MT)
    assert caught.value.field.startswith("TP-")
    assert caught.value.offset <= cut


def test_octets_behind_the_end_are_ignored() -> None:
    assert parse_tpdu(DELIVER + b"\xff\xff", Direction.MT) == parse_tpdu(DELIVER, Direction.MT)


def test_type_3_reads_as_deliver_towards_the_mobile_only() -> None:
    octets = bytes((DELIVER[0] | 3,)) + DELIVER[1:]
    tpdu = parse_tpdu(octets, Direction.MT)
    assert isinstance(tpdu, Deliver)
    assert tpdu.text == "hello"
    with pytest.raises(CodecError, match="reserved"):
        parse_tpdu(octets, Direction.MO)


def test_sim_padding_behind_a_report_is_no_indicator() -> None:
    made = StatusReport(mr=1, ra=Address.from_number("123"), scts=TimeStamp(bytes(7)),
                        dt=TimeStamp(bytes(7)), status=0)  # fmt: skip
    back = parse_tpdu(made.build() + b"\xff" * 20, Direction.MT)
    assert back == made


def test_compressed_and_data_have_no_text() -> None:
    for dcs in (0x20, 0x04):
        made = Deliver(
            oa=Address.from_number("1"), scts=TimeStamp(bytes(7)), dcs=dcs, ud=b"ab", udl=2
        )
        assert made.text is None


def test_a_header_that_runs_past_the_user_data() -> None:
    octets = bytearray(Deliver(oa=Address.from_number("1"), scts=TimeStamp(bytes(7)), dcs=4,
                               udh=b"\x02\x70\x00", ud=b"x", udl=4).build())  # fmt: skip
    octets[-4] = 9
    with pytest.raises(CodecError) as caught:
        parse_tpdu(bytes(octets), Direction.MT)
    assert caught.value.field == "TP-UD.udh"

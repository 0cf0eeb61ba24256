"""Messages, reports and stores as modems tell them."""

from __future__ import annotations

import pytest

from airpost.at import messages
from airpost.at.messages import Announced, Fill, Record

PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
LENGTH = 30


@pytest.mark.parametrize(
    ("header", "stat", "length"),
    [
        (f"+CMGR: 1,,{LENGTH}", 1, LENGTH),
        (f'+CMGR:0,"",{LENGTH}', 0, LENGTH),
        (f'+CMGR: 0,"Ann",{LENGTH}', 0, LENGTH),
        (f"+CMGR: ,,{LENGTH}", None, LENGTH),
        (f"+CMGR: 0,{LENGTH}", 0, LENGTH),
        (f"+CMGR: {LENGTH}", None, LENGTH),
        (f"+CMGR: 4,1,,{LENGTH}", 4, LENGTH),
        ("+CMGR: 1,,x", 1, None),
        ("+CMGR:", None, None),
    ],
)
def test_read(header: str, stat: int | None, length: int | None) -> None:
    record = messages.read([header, PDU])
    assert record is not None
    assert (record.stat, record.length, record.pdu) == (stat, length, PDU)
    assert (record.index, record.text_mode, record.octets) == (None, False, bytes.fromhex(PDU))
    assert (record.tpdu_octets, record.length_matches) == (LENGTH, length == LENGTH)


def test_an_empty_slot_is_a_bare_ok() -> None:
    assert messages.read([]) is None
    assert messages.read([PDU]) is None


def test_the_length_is_compared_not_believed() -> None:
    record = messages.read(["+CMGR: 0,,99", PDU])
    assert record is not None
    assert (record.length, record.tpdu_octets, record.length_matches) == (99, LENGTH, False)
    cut = messages.read(["+CMGR: 0,,30", PDU[:4]])
    assert cut is not None
    assert cut.tpdu_octets == 1 - 7


@pytest.mark.parametrize("pdu", ["0BD04259303784=96p331", PDU[:-1], "", "text"])
def test_what_is_no_pdu_is_kept_as_it_came(pdu: str) -> None:
    record = messages.read(["+CMGR: 2,,164", pdu])
    assert record is not None
    assert (record.pdu, record.octets) == (pdu, None)


def test_a_wrapped_pdu_is_one() -> None:
    record = messages.read(["+CMGR: 1,,30", PDU[:40], PDU[40:]])
    assert record is not None
    assert record.pdu == PDU
    torn = messages.read(["+CMGR: 1,,30", PDU, "not of it"])
    assert torn is not None
    assert torn.pdu == PDU


@pytest.mark.parametrize(
    "header",
    [
        '+CMGR: "REC READ","+393312345678",,"16/05/10,10:33:31+08"',
        "+CMGR: REC UNREAD,12,",
        '+CMGR:"REC READ","9009","10/06/18,12 :16 :48",0,2,0,"9009",156',
    ],
)
def test_text_mode_is_recognised(header: str) -> None:
    record = messages.read([header, "Test message"])
    assert record is not None
    assert (record.text_mode, record.pdu, record.octets) == (True, "", None)
    assert record.body == ("Test message",)


def test_list() -> None:
    lines = [
        "noise before",
        f"+CMGL: 1,0,,{LENGTH}", PDU,
        f"+CMGL:2,1,{LENGTH}", PDU[:-1],
        f'+CMGL: 3,,"Ann",{LENGTH}', PDU,
        f"+CMGL: x,1,,{LENGTH}",
        '+CMGL: 23,"REC READ","02607707075",0,2,18', "words",
    ]  # fmt: skip
    found = messages.listed(lines)
    assert [(each.index, each.stat, each.length, each.text_mode) for each in found] == [
        (1, 0, LENGTH, False),
        (2, 1, LENGTH, False),
        (3, None, LENGTH, False),
        (None, 1, LENGTH, False),
        (23, None, None, True),
    ]
    assert [each.pdu for each in found] == [PDU, PDU[:-1], PDU, "", ""]
    assert messages.listed([]) == ()


def test_entries_run_together() -> None:
    lines = ["+CMGL: 1,1,,30", f"{PDU}+CMGL: 2,0,,30", PDU]
    assert [(each.index, each.pdu) for each in messages.listed(lines)] == [(1, PDU), (2, PDU)]


@pytest.mark.parametrize("header", ["+CDS: 30", "+CDS:30", "+CDS: ,30", '+CMT: "Ann",30'])
def test_pushed(header: str) -> None:
    record = messages.pushed(header, PDU)
    assert record is not None
    assert (record.length, record.pdu, record.length_matches) == (LENGTH, PDU, True)
    assert not record.text_mode


def test_pushed_without_a_pdu() -> None:
    report = messages.pushed('+CDS: 6,20,"0870",129,"15/01/01,12:00:00+00",,0', None)
    assert report is not None
    assert (report.text_mode, report.fields[1], report.pdu) == (True, "20", "")
    assert messages.pushed("+CDS:", None) is None
    assert messages.pushed("+CREG: 1", PDU) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('+CMTI: "SM",3', Announced(store="SM", index=3)),
        ('+CDSI: "SR",1', Announced(store="SR", index=1)),
        ("+CMTI: sm_p,123456789", Announced(store="SM_P", index=123456789)),
        ("+CMTI: 0,111", Announced(store=None, index=111)),
        ("+CMTI: ,-1", Announced(store=None, index=None)),
        ('+CMTI: "ME"', Announced(store="ME", index=None)),
        ("+CMTI: ", Announced(store=None, index=None)),
        ('+CMT: "SM",3', None),
        ("", None),
    ],
)
def test_announced(line: str, expected: Announced | None) -> None:
    assert messages.announced(line) == expected


def test_reference() -> None:
    assert messages.reference(["+CMGS: 5"]) == 5
    assert messages.reference(['+CMGS:255,"24/01/01,00:00:00+00"']) == 255
    assert messages.reference(["noise", "+CMSS: 0"]) == 0
    for lines in ([], ["+CMGS:"], ["+CMGS: 256"], ["+CMGS: -1"], ["+CMGSX: 1"]):
        assert messages.reference(lines) is None


def test_indications() -> None:
    offered = messages.indications_offered(["+CNMI:(0-3),(0,1),(0,2,3),(0,2),(1)"])
    assert offered == ((0, 1, 2, 3), (0, 1), (0, 2, 3), (0, 2), (1,))
    assert messages.indications_offered(["OK"]) == ()
    assert messages.indications(["+CNMI: 2,1,0,1,0"]) == (2, 1, 0, 1, 0)
    assert messages.indications(["+CNMI: 2,x"]) == ()
    assert messages.indications([]) == ()


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ('("SM","ME"), ("SM","ME"), ("SM")', (("SM", "ME"), ("SM", "ME"), ("SM",))),
        ('"ME","MT","SM"', (("ME",), ("MT",), ("SM",))),
        ('(("SM","BM","SR"),("SM"))', (("SM", "BM", "SR"), ("SM",))),
        ('(ME", "SR"), ("ME", "SR"), ("ME")', (("ME", "SR"), ("ME", "SR"), ("ME",))),
        ('("ME","MT"),"ME",("SM")', (("ME", "MT"), ("ME",), ("SM",))),
        ("(),(),()", ((), (), ())),
        ("(),,(  )", ((), (), ())),
        ('("SM","SM_P"),("ME")', (("SM", "SM_P"), ("ME",))),
        ('("SM")', (("SM",),)),
        ("", ()),
    ],
)
def test_stores_offered(rest: str, expected: tuple[tuple[str, ...], ...]) -> None:
    assert messages.stores_offered([f"+CPMS: {rest}"]) == expected


def test_stores() -> None:
    sm = Fill(name="SM", used=3, total=30)
    assert messages.stores(['+CPMS:"SM",3,30,"SM",3,30,"SM",3,30']) == (sm, sm, sm)
    assert messages.stores(['+CPMS: "MT", 0, 100,"SM",3,30']) == (
        Fill(name="MT", used=0, total=100), sm,
    )  # fmt: skip
    assert messages.stores(["+CPMS: 14,50,15,50"]) == (
        Fill(name=None, used=14, total=50), Fill(name=None, used=15, total=50),
    )  # fmt: skip
    assert messages.stores(['+CPMS: "SM",3,30,"ME",x,2']) == (sm,)
    for lines in (["+CPMS:"], [], ["+CPMS: 1"], ['+CPMS: "SM"']):
        assert messages.stores(lines) == ()


def test_services_and_more_to_send() -> None:
    assert messages.services(["+CSMS: 0,1,1,1"]) == (0, 1, 1, 1)
    assert messages.services([]) == ()
    assert messages.more_to_send_offered(["+CMMS: (0-2)"]) == (0, 1, 2)
    assert messages.more_to_send_offered(["ERROR"]) == ()


def test_a_record_is_a_value() -> None:
    assert Record(body=(PDU,)) == Record(body=(PDU,))
    assert Record().pdu == ""

"""One line: prefix, fields, groups, and what firmware breaks."""

from __future__ import annotations

import pytest

from airpost.at.grammar import (
    DEPTH_LIMIT,
    RANGE_LIMIT,
    Field,
    fields_of,
    number_text,
    rests_of,
    split_prefix,
    ucs2_text,
    values_of,
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+CSQ: 9,99", ("+CSQ", "9,99")),
        ("+CSQ:4,0", ("+CSQ", "4,0")),
        ("+cpin : READY", ("+CPIN", "READY")),
        ("^getportmode:TYPE", ("^GETPORTMODE", "TYPE")),
        ("+CMS ERROR: 500", ("+CMS ERROR", "500")),
        ("NO CARRIER", ("", "NO CARRIER")),
        ("17:30", ("", "17:30")),
        ("", ("", "")),
    ],
)
def test_prefix(line: str, expected: tuple[str, str]) -> None:
    assert split_prefix(line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ", []),
        ("1", ["1"]),
        (' 2 , "a,b" ,, 7', ["2", "a,b", "", "7"]),
        (",-1", ["", "-1"]),
        ("1,", ["1", ""]),
        ('2,1,"0B,"0100701",7', ["2", "1", "0B", "0100701", "7"]),
        ('2,1,"5E25', ["2", "1", "5E25"]),
        ('0,0,"TELE2,0', ["0", "0", "TELE2", "0"]),
        ('1,"say "hi" now",15', ["1", 'say "hi" now', "15"]),
        ('0,"x,",15', ["0", "x,", "15"]),
        ("1)2,3", ["1", "2", "3"]),
    ],
)
def test_fields(text: str, expected: list[str]) -> None:
    assert [field.text for field in fields_of(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(0-3),(0,2,3),1,()", [(0, 1, 2, 3), (0, 2, 3), (1,), ()]),
        ("(0-1,3)", [(0, 1, 3)]),
        ("(0, 1 , 3),(2)", [(0, 1, 3), (2,)]),
        ("(1-x,a,3)", [(1, 3)]),
        ("(3-1)", [()]),
        ("(0-9999999999)", [tuple(range(RANGE_LIMIT + 1))]),
        ("(0-2", [(0, 1, 2)]),
    ],
)
def test_values(text: str, expected: list[tuple[int, ...]]) -> None:
    assert [values_of(field) for field in fields_of(text)] == expected


def test_groups_know_their_members() -> None:
    names, empty, bare = fields_of('("SM","ME"),(  ),"MT"')
    assert [member.text for member in names.group or ()] == ["SM", "ME"]
    assert (empty.group, bare.group) == ((), None)
    [outer] = fields_of('(("SM","SR"),("SM"))')
    assert [len(each.group or ()) for each in outer.group or ()] == [2, 1]


def test_quotes_missing_inside_a_group() -> None:
    first, second = fields_of('(ME", "SR"), ("ME")')
    assert [member.text for member in first.group or ()] == ["ME", "SR"]
    assert [member.text for member in second.group or ()] == ["ME"]


def test_brackets_are_not_followed_for_ever() -> None:
    [field] = fields_of("(" * 5000)
    for _ in range(DEPTH_LIMIT - 1):
        assert field.group is not None
        [field] = field.group
    assert field.group is not None
    assert field.group[0].group is None


def test_numbers() -> None:
    assert [Field(text).number for text in (" 007 ", "-1", "", "0x1", "9" * 11, "²")] == [
        7, None, None, None, None, None,
    ]  # fmt: skip
    assert [Field(text).hexadecimal for text in ("5E25", "ffff", "0 5", "", "G")] == [
        0x5E25, 0xFFFF, None, None, None,
    ]  # fmt: skip


def test_rests_of_glued_and_foreign_lines() -> None:
    lines = ['ERROR+CNUM: "a"', "+CSQ: 1", "OK+cnum: b", "+CNUM: c"]
    assert list(rests_of(lines, "+CNUM")) == ['"a"', "b", "c"]
    assert list(rests_of(["no colon"], "")) == []


def test_ucs2_digits_are_text_only_where_they_make_some() -> None:
    assert ucs2_text("0056006500720069007A006F006E") == "Verizon"
    assert ucs2_text("003300310031003400380030") == "311480"
    for plain in ("Verizon", "311480", "CAFE", "DEADBEEFDEADBEEF", "0001000200030004", ""):
        assert ucs2_text(plain) == plain


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ("002B003400340037", "+447"),
        ("2b3937313535353135", "+97155515"),
        ("393731353535353135353135", "971555515515"),
        ("+27820000000", "+27820000000"),
        ("0049170123456789", "0049170123456789"),
        ("3434343434", "3434343434"),  # a number of its own, though it could be hexadecimal
        ("", ""),
    ],
)
def test_numbers_in_other_alphabets(told: str, number: str) -> None:
    assert number_text(told) == number

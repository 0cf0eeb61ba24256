"""Reading TOML key by key: what is read, and how a mistake is named."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest

from airpost.errors import ConfigError
from airpost.modem.tables import Table, merged, parse_toml


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def table(text: str, *known: str) -> Table:
    values = parse_toml(text, "a.toml")
    return Table("a.toml", values, known or tuple(values))


def test_every_kind_is_read() -> None:
    got = table(
        'name = "x"\nlist = ["a", "b"]\nyes = true\nn = 3\nf = 2.5\nfields = [1, 0]\n'
        'colour = "red"\nvid = "12d1"\npids = ["0001", "9602-9604"]\n'
        'ids = { 19d2 = ["0003"] }\npairs = { a = "b" }\nrow = [{ n = 1 }, { n = 2 }]\n'
    )
    assert got.text("name") == "x"
    assert got.texts("list") == ("a", "b")
    assert got.truth("yes") is True
    assert got.whole("n", 0, 3) == 3
    assert got.number("n", 0, 3) == 3.0
    assert got.number("f", 0, 3) == 2.5
    assert got.wholes("fields", 0, 3) == (1, 0)
    assert got.choice("colour", Colour) is Colour.RED
    assert got.usb_id("vid") == "12d1"
    assert got.usb_ids("pids") == ("0001", "9602", "9603", "9604")
    assert list(got.id_table("ids")) == [("19d2", ("0003",))]
    assert list(got.pairs("pairs")) == [("a", "b")]
    assert [row.whole("n", 0, 9) for row in got.rows("row", ("n",))] == [1, 2]
    assert "name" in got
    assert "none" not in got


def test_what_is_absent_is_empty_where_it_may_be() -> None:
    got = table('x = "y"')
    assert got.texts("list") == got.usb_ids("pids") == ()
    assert list(got.rows("row", ())) == list(got.pairs("pairs")) == []
    assert "anything" not in got.inner("deep", ("anything",))


READERS: dict[str, Callable[[Table], Any]] = {
    "text": lambda got: got.text("k"),
    "texts": lambda got: got.texts("k"),
    "truth": lambda got: got.truth("k"),
    "whole": lambda got: got.whole("k", 0, 3),
    "wholes": lambda got: got.wholes("k", 0, 3),
    "number": lambda got: got.number("k", 0, 3),
    "choice": lambda got: got.choice("k", Colour),
    "usb_id": lambda got: got.usb_id("k"),
    "usb_ids": lambda got: got.usb_ids("k"),
    "rows": lambda got: list(got.rows("k", ())),
}


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        ("text", "3"),
        ("text", '" "'),
        ("texts", '"a"'),
        ("texts", '["a", 1]'),
        ("texts", '[""]'),
        ("truth", "1"),
        ("truth", '"true"'),
        ("whole", "4"),
        ("whole", "-1"),
        ("whole", "1.0"),
        ("whole", "true"),
        ("wholes", "[]"),
        ("wholes", "[1, 1]"),
        ("wholes", "[4]"),
        ("wholes", "[true]"),
        ("wholes", "1"),
        ("number", "nan"),
        ("number", "inf"),
        ("number", "3.1"),
        ("number", "true"),
        ("number", '"3"'),
        ("choice", '"green"'),
        ("choice", "1"),
        ("usb_id", '"12D1"'),
        ("usb_id", '"12d"'),
        ("usb_id", "12"),
        ("usb_ids", '["zzzz"]'),
        ("usb_ids", '["0002-0001"]'),
        ("usb_ids", '["0001", "0001"]'),
        ("usb_ids", '["0001-0003", "0002"]'),
        ("rows", "1"),
        ("rows", "[1]"),
    ],
)
def test_a_wrong_value_is_named_by_file_and_key(reader: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        READERS[reader](table(f"k = {value}", "k"))
    assert caught.value.path == "a.toml: k"


def test_what_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^a\.toml: b: is unknown; known are a, c$"):
        table('a = "x"\nb = "y"', "a", "c")
    with pytest.raises(ConfigError, match=r"^a\.toml: k: is missing$"):
        table('a = "x"').text("k")
    with pytest.raises(ConfigError, match=r"^a\.toml: rows\.1\.y: is unknown"):
        list(table("rows = [{ x = 1 }, { y = 1 }]").rows("rows", ("x",)))
    deep = table("deep = { er = { k = 1 } }").inner("deep", ("er",)).inner("er", ("k",))
    with pytest.raises(ConfigError, match=r"^a\.toml: deep\.er\.k: must be a text, not 1$"):
        deep.text("k")
    with pytest.raises(ConfigError, match=r"^a\.toml: ids\.12: is no vendor id"):
        list(table('ids = { 12 = ["0001"] }').id_table("ids"))
    with pytest.raises(ConfigError, match=r"^a\.toml: p\.a: must be a text"):
        list(table("p = { a = 1 }").pairs("p"))


def test_no_toml_is_named_by_its_file() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_toml("= 1", "a.toml")
    assert caught.value.path == "a.toml"


def test_merging_goes_key_by_key_and_leaves_both_as_they_were() -> None:
    base = {"a": {"x": 1, "y": {"z": 1}}, "b": [1], "c": 1}
    own = {"a": {"y": {"w": 2}}, "b": [2], "c": {"d": 1}}
    assert merged(base, own) == {
        "a": {"x": 1, "y": {"z": 1, "w": 2}}, "b": [2], "c": {"d": 1},
    }  # fmt: skip
    assert base == {"a": {"x": 1, "y": {"z": 1}}, "b": [1], "c": 1}

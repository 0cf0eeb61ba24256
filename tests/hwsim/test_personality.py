from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.characters import CHARACTERS
from hwsim.personality import load, names, read, read_ranges
from hwsim.ports import AT_ROLES


def test_there_are_enough() -> None:
    assert {"generic", "huawei-e3372-like", "quectel-ec25-like", "simcom-sim800-like"} <= set(
        names()
    )


@pytest.mark.parametrize("name", names())
def test_each_is_consistent(name: str) -> None:
    made = load(name)
    assert made.name == name
    assert made.evidence
    offer = made.cnmi_offer
    assert len(offer) == 5
    assert all(value in group for value, group in zip(made.cnmi_default, offer, strict=True))
    assert len(made.stores) in (2, 3)
    assert len(made.stores_default) == 3
    known = {"SM", "ME", "SR", "MT", "BM"}
    assert all(set(group) <= known for group in made.stores)
    assert all(d in group for d, group in zip(made.stores_default, made.stores, strict=False))
    if 2 in offer[3] and made.report_store != "MT":
        assert made.sizes[made.report_store] > 0
    assert 0 in read_ranges(made.csms)[0]
    roles = [role for _, role, _ in made.usb_ports]
    assert roles.count("at") == 1
    assert set(roles) <= {"at", *AT_ROLES, *CHARACTERS}
    assert len({interface for interface, _, _ in made.usb_ports}) == len(roles)
    assert all(len(bytes.fromhex(kind)) == 3 for _, _, kind in made.usb_ports)
    assert not set(made.resets) & set(made.power_offs)
    assert [after for after, _ in made.boot] == sorted(after for after, _ in made.boot)


def test_they_differ_where_it_matters() -> None:
    huawei, quectel, simcom = map(
        load, ("huawei-e3372-like", "quectel-ec25-like", "simcom-sim800-like")
    )
    assert huawei.unknown != quectel.unknown
    assert {huawei.reset, quectel.reset} == {"usb", "soft"}
    assert 2 not in simcom.cnmi_offer[3]
    assert quectel.report_announced != quectel.report_store
    assert read_ranges(load("quectel-m26-like").csms) == (frozenset({0, 128}),)


def test_ranges() -> None:
    assert read_ranges("(0-2),(0,2,3),()") == (
        frozenset({0, 1, 2}), frozenset({0, 2, 3}), frozenset(),
    )  # fmt: skip


def test_what_is_obeyed_may_be_less_than_offered() -> None:
    made = read("""
        name = "x"
        evidence = "synthetic"
        manufacturer = "a"
        model = "b"
        revision = "c"
        info = ["b"]
        cnmi_taken = "(1),(1),(0),(0,1),(0)"
    """)
    assert made.cnmi_offer[0] == {1}
    assert made.defaults().echo


def test_unknown_keys_and_names() -> None:
    with pytest.raises(ValueError, match="colour"):
        read('[identity]\nmodel = "x"\ncolour = "red"')
    with pytest.raises(ValueError, match="generic"):
        load("nokia")
    with pytest.raises(ValueError, match="no personality"):
        load("../personalities/generic")


def test_the_readme_names_each() -> None:
    readme = (Path(__file__).parents[2] / "hw-sim" / "README.md").read_text(encoding="utf-8")
    assert [name for name in names() if f"`{name}`" not in readme] == []

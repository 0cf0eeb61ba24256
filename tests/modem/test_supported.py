"""The page of supported modems: it is the profiles, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from airpost.modem.profile import Evidence
from airpost.modem.profiles import load_profiles
from airpost.modem.supported import markdown, supported

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "SUPPORTED.md"
PROFILES = load_profiles()
ROWS = {row.name: row for row in supported(PROFILES)}


def test_the_page_is_up_to_date() -> None:
    hint = "run: airpost modems --supported --markdown > docs/SUPPORTED.md"
    assert PAGE.read_text(encoding="utf-8") == markdown(PROFILES), hint


def test_every_family_is_there_with_what_nobody_has_proven() -> None:
    assert list(ROWS) == ["generic", *sorted(PROFILES.families)]
    for row in ROWS.values():
        assert row.evidence == "public record"
        assert row.not_proven[-1].startswith("not proven on hardware: reset by command")


def test_a_row() -> None:
    row = ROWS["simcom-a76xx"]
    assert row.ids == ("1e0e:9011", "called A76[0-9][0-9]*, *SIMCOM_A76*")
    assert row.ports == (("1e0e:9011", "at 04, ppp 05, ignore 02"),)
    assert row.never == ()
    assert row.not_proven[-1].endswith("reset by command, USB off and on, hub power")
    assert ROWS["zte"].ports[0] == ("19d2:0003 0006 0007 0009 000a", "at 00, spare 01")
    assert ROWS["huawei"].ids == ("12d1:*", "3566:*", "made by huawei*")
    assert "class ff/01/02" in ROWS["huawei"].ports[0][1]
    assert ROWS["u-blox"].ports[3] == ("1546:01a6 01a7", "ignore others")


def test_a_rung_that_does_harm_is_never_done_and_needs_no_proof() -> None:
    row = ROWS["simcom-2g"]
    assert row.never == ("USB off and on", "hub power")
    assert row.not_proven[-1] == "not proven on hardware: reset by command"


def test_what_hardware_has_shown_is_proven() -> None:
    shown = replace(PROFILES.named("zte"), evidence=Evidence.HARDWARE, unproven=())
    (row,) = supported([shown])
    assert (row.evidence, row.not_proven) == ("hardware", ())


def test_no_cell_breaks_the_table() -> None:
    odd = replace(PROFILES.generic, title="a|b")
    text = markdown(replace(PROFILES, generic=odd))
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert any("a/b" in line for line in tables)
    assert {line.count("|") for line in tables} == {4, 7}

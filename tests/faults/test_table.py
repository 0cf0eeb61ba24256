"""Every entry of the catalogue has its test here, and its row in the docs is complete."""

from __future__ import annotations

import re
from pathlib import Path

from hwsim.catalogue import CATALOGUE

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "FAULTS.md"
COLUMNS = 7
ROW = re.compile(r"\| (\d+) \| `(\w+)` \|")
DEFINED = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


def sources() -> dict[Path, str]:
    return {
        path: path.read_text(encoding="utf-8")
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
    }


def test_every_entry_is_tested_by_its_number_and_name() -> None:
    tests = [name for text in sources().values() for name in DEFINED.findall(text)]
    missing = [
        f"{number:02}_{name}"
        for number, name in CATALOGUE.items()
        if not any(f"_{number:02}_{name}" in test for test in tests)
    ]
    assert missing == []


def test_every_modem_is_asked_for_what_no_host_may_do() -> None:
    """`faulty` and `faulty_house` do that, so nobody opens one without them."""
    opens = re.compile(r"\b(?:rigged|opened)\(")
    assert [path.name for path, text in sources().items() if opens.search(text)] == []


def test_every_row_of_the_docs_is_complete() -> None:
    rows = {}
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        if found := ROW.match(line):
            rows[int(found[1])] = found[2], [cell.strip() for cell in line[1:-1].split("|")]
    assert {number: name for number, (name, _) in rows.items()} == dict(CATALOGUE)
    for number, (_, cells) in rows.items():
        assert len(cells) == COLUMNS, number
        *_, reaction, time = cells
        assert len(reaction) > 10, number
        assert re.search(r"\d|none needed", time), number

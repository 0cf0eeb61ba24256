"""Every name of the catalogue shown at the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.catalogue import CATALOGUE, HEALERS, KINDS, How
from tests.hwsim.client import started
from tests.hwsim.shows.answers import ANSWERS
from tests.hwsim.shows.around import AROUND
from tests.hwsim.shows.messages import MESSAGES
from tests.hwsim.shows.sending import SENDING
from tests.virtual import VirtualLoop, run_virtual

SHOWS = {**ANSWERS, **AROUND, **MESSAGES, **SENDING}
ENTRIES = 76
HW_SIM = Path(__file__).parents[2] / "hw-sim"


def test_every_entry_has_a_name_of_its_own() -> None:
    assert list(CATALOGUE) == list(range(1, ENTRIES + 1))
    assert len(set(CATALOGUE.values())) == ENTRIES
    assert [name for name in CATALOGUE.values() if name not in SHOWS] == []


def test_every_kind_is_used_somewhere() -> None:
    """A name that no code asks for would be a fault that does nothing."""
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in (HW_SIM / "hwsim").glob("*.py")
        if path.name != "catalogue.py"
    )
    assert [name for name, kind in KINDS.items() if f'"{kind.of or name}"' not in code] == []


def test_cases_are_of_what_there_is() -> None:
    for name, kind in KINDS.items():
        assert not kind.of or not KINDS[kind.of].of, name
        assert set(kind.choices) <= set(kind.params), name
    assert KINDS["unplug"].how is How.EVENT
    assert HEALERS[0] == "escape"


def test_the_docs_have_a_row_for_each() -> None:
    text = (HW_SIM.parent / "docs" / "FAULTS.md").read_text(encoding="utf-8")
    rows = [f"| {number} | `{name}` | {KINDS[name].text} |" for number, name in CATALOGUE.items()]
    assert [row for row in rows if row not in text] == []


@pytest.mark.parametrize("name", SHOWS)
def test_at_the_wire(tmp_path: Path, name: str) -> None:
    show = SHOWS[name]

    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, 2, clients=1, personalities=(show.personality,)
        ) as (pool, (client,)):  # fmt: skip
            await show.run(pool, client)

    run_virtual(main)

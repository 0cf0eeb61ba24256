"""What is kept of an event that was not taken is what was."""

from __future__ import annotations

from airpost.services.webhooks.item import Item
from airpost.store.publishing import Delivery
from tests.services.webhooks.test_envelope import EVENT, NOW


def test_a_row_and_back() -> None:
    row = Delivery(seq=EVENT.seq, dead=False, tries=2, first_at=NOW, last_at=NOW, next_at=NOW,
                   status=None, error="no answer in 15 s")  # fmt: skip
    item = Item(EVENT, "modem.state", "modem gate-1")
    item.take(row)
    assert item.row() == row
    assert item.stored
    assert item.has_row

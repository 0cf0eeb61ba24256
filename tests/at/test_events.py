"""The events of the channel: values, and what counts as success."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from airpost.at.events import Final, FinalKind, Urc


def test_only_ok_is_ok() -> None:
    assert Final(kind=FinalKind.OK, assumed=True).ok
    assert not any(Final(kind=kind).ok for kind in FinalKind if kind is not FinalKind.OK)


def test_events_are_values() -> None:
    event = Urc(prefix="+CDS", line="+CDS: 25", payload="00")
    assert event == Urc(prefix="+CDS", line="+CDS: 25", payload="00")
    assert len({event, event}) == 1
    with pytest.raises(FrozenInstanceError):
        event.line = ""  # type: ignore[misc]

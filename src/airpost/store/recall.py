"""What the writer has just written of what is on the air, so that it is not read once more.

May import L0. Each look into the store gives the interpreter's lock away, and gets it back when the
loop is done with it. Nothing here is believed without a guard: a row that is not as it was when it
is written next is read after all. A rollback forgets everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airpost.store.ahead import PreparedRow
    from airpost.store.attempts import AttemptRow
    from airpost.store.moves import SegmentRow

OPEN = 1000  # attempts; those of a few modems that never told an end are let go with them
UNMATCHED = 1000  # kept by name; beyond, each attempt may have one


class Recall:
    """Of one writer; only its thread touches it."""

    def __init__(self) -> None:
        self.prepared: dict[str, dict[int, PreparedRow]] = {}  # by lane, attempt
        self._open: dict[int, tuple[AttemptRow, SegmentRow]] = {}  # by attempt
        self.choices: dict[tuple[int, str], int] = {}
        self.told: set[int] = set()  # attempts whose end is written, and will be handed in again
        self._unmatched: set[tuple[str, str]] | None = set()

    def forget(self) -> None:
        """Some of it is not in the store."""
        self.prepared.clear()
        self._open.clear()
        self.choices.clear()
        self.told.clear()

    def begun(self, attempt: AttemptRow, row: SegmentRow) -> None:
        """An attempt has begun: this is how it and its segment stand now."""
        if len(self._open) >= OPEN:
            self._open.clear()
        self._open[attempt.id] = attempt, row

    def ended(self, attempt_id: int, segment_id: int) -> tuple[AttemptRow, SegmentRow] | None:
        """How they stood when it had begun; None, where that is not known. It is asked once."""
        found = self._open.pop(attempt_id, None)
        return found if found is not None and found[1].id == segment_id else None

    def unmatched(self, sim_id: str, tail: str) -> None:
        """A report for a number is kept that belongs to no attempt; also where it is not kept."""
        if self._unmatched is not None:
            self._unmatched.add((sim_id, tail))
            if len(self._unmatched) > UNMATCHED:
                self._unmatched = None

    def may_wait(self, sim_id: str, tail: str) -> bool:
        """False where no report can wait for the result of what has begun in this run."""
        return self._unmatched is None or (sim_id, tail) in self._unmatched

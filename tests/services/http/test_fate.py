"""Why a message is in its state, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airpost.clock import SECOND_US, Instant
from airpost.model import Message, OnUncertain, PartView, Waits
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.services.http.fate import NOTHING, fate_of
from airpost.services.http.render import accepted
from airpost.states import MessageState, SegmentState
from tests.store.values import NOW, new

LATER = Instant(NOW + 60 * SECOND_US)
M, S = MessageState, SegmentState


def stored(state: MessageState, reason: str | None = None, **changes: Any) -> Message:
    """A message of one part; what is no column of it is the part's."""
    part = {name: changes.pop(name) for name in ("attempts", "reported_at", "outcome")
            if name in changes}  # fmt: skip
    made = accepted(new("m1"))
    kind = S(state.value) if state is not M.ACCEPTED else S.QUEUED
    parts: tuple[PartView, ...] = (replace(made.parts[0], state=kind, **part),)
    return replace(made, state=state, reason=reason, parts=parts, **changes)


def outcome(scope: Scope) -> Outcome:
    return Outcome(cls=OutcomeClass.PERMANENT, scope=scope, code="CMS 1", text="no such number")


def test_every_state_has_words() -> None:
    for state in M:
        assert fate_of(stored(state), NOW).because


@pytest.mark.parametrize(
    ("told", "because", "todo"),
    [
        (stored(M.ACCEPTED), "has not come", NOTHING),
        (stored(M.QUEUED, waits=Waits(reason="x", words="y", until=LATER)),
         "a limit holds", "change the limit"),
        (stored(M.QUEUED, attempts=2), "tried 2 times", NOTHING),
        (stored(M.SENT), "has not come", NOTHING),
        (stored(M.SENT, final=True), "no delivery report came in time", "a late report"),
        (stored(M.SENT, final=True, want_report=False), "no delivery report was asked", None),
        (stored(M.FAILED, "blocked: never texted"), "of it was sent: blocked", "mend"),
        (stored(M.FAILED, "no such number", attempts=1, outcome=outcome(Scope.DESTINATION)),
         "refused at attempt 1", "check the number"),
        (stored(M.FAILED, "lost", attempts=1, reported_at=NOW), "its delivery report says", "anew"),
        (stored(M.EXPIRED, "its time was over before it could be sent"), "before it could", "anew"),
        (stored(M.EXPIRED, "expired", attempts=1, reported_at=NOW), "could not deliver", "anew"),
        (stored(M.CANCELLED, "cancelled by anna"), "will not be sent: cancelled by anna", "anew"),
        (stored(M.CANCELLED, "given up by anna", attempts=1), "sent again: given up", "anew"),
    ],
)  # fmt: skip
def test_what_is_not_in_doubt(told: Message, because: str, todo: str | None) -> None:
    fate = fate_of(told, NOW)
    assert because in fate.because
    assert todo == fate.todo if todo is None else todo in (fate.todo or "")


def test_a_failure_that_was_taken_back_is_no_refusal() -> None:
    torn = stored(M.CANCELLED, "not sent, as another part was failed")
    arrived = replace(torn.parts[0], state=S.DELIVERED, attempts=1, reported_at=NOW)
    fate = fate_of(replace(torn, state=M.FAILED, parts=(arrived, *torn.parts)), NOW)
    assert "the part that failed went out after all" in fate.because
    assert "another part was failed" in fate.because


@pytest.mark.parametrize(
    ("changes", "because", "itself"),
    [
        ({}, "it is sent once more unless", True),
        ({"on_uncertain": OnUncertain.HOLD}, "it is held", False),
        ({"possible_duplicates": 1}, "sent once more already", False),
        ({"expires_at": NOW}, "its time is over", False),
        ({"final": True}, "is waited for any more", False),
    ],
)
def test_what_is_in_doubt_says_whether_it_goes_again(
    changes: dict[str, Any], because: str, itself: bool
) -> None:
    given = {"expires_at": LATER, "on_uncertain": OnUncertain.RESEND, "attempts": 1, **changes}
    fate = fate_of(stored(M.UNCERTAIN, "no answer in time", **given), NOW)
    assert "nobody knows: no answer in time" in fate.because
    assert because in fate.because
    assert fate.todo is not None
    assert fate.todo.startswith(NOTHING) is itself
    assert "airpost queue release m1" in fate.todo


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({}, "no attempt, and it may have gone out since"),
        ({"not_before": LATER}, "only where its time (`send_at`) came before the restore"),
        ({"attempts": 1}, "shows that it had begun"),
    ],
)
def test_what_a_restore_holds(changes: dict[str, Any], because: str) -> None:
    fate = fate_of(stored(M.UNCERTAIN, "restored", **changes), NOW)
    assert because in fate.because
    assert "airpost queue release --restored m1" in (fate.todo or "")

"""Why a message is in its state, and what a person can do about it, in words.

May import L0 and the store's words. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from airpost.clock import Instant
from airpost.model import Message, OnUncertain, PartView
from airpost.outcome import Scope
from airpost.states import MessageState, SegmentState
from airpost.store.keeping import RESTORED

NOTHING = "nothing: it goes on by itself"
DECIDE = (
    "find out whether it has arrived, then `airpost queue release {id}` (once more), or with "
    "`--as sent` or `--as cancelled`"
)
NO_MODEM = "mend what keeps each modem from it (below), or cancel it: it waits until one can"
ANEW = "send it anew where it is still wanted"


class Fate(NamedTuple):
    """Why the state is what it is, and what to do next."""

    because: str
    todo: str | None


def fate_of(message: Message, now: Instant) -> Fate:
    """As it stands at `now`."""
    return _OF[message.state](message, now)


def _accepted(_message: Message, _now: Instant) -> Fate:
    return Fate("its time (`send_at`) has not come", NOTHING)


def _queued(message: Message, _now: Instant) -> Fate:
    if message.waits is not None:
        words = "a limit holds it, until the time below or until the limit is another"
        return Fate(words, f"{NOTHING}, or change the limit, or cancel it")
    tried = sum(part.attempts for part in message.parts)
    words = "it waits for its turn at a modem"
    if tried:
        words = f"it was tried {_times(tried)}, without having gone out whole; it is tried again"
    return Fate(words, NOTHING)


def _sending(message: Message, _now: Instant) -> Fate:
    on_air = any(part.state is SegmentState.SENDING for part in message.parts)
    words = "it is on the air" if on_air else "some of its parts are out, the others wait"
    return Fate(words, NOTHING)


def _sent(message: Message, _now: Instant) -> Fate:
    if not message.final:
        return Fate("the network took it; its delivery report has not come", NOTHING)
    if message.want_report:
        words = "the network took it, and no delivery report came in time: whether it arrived is "
        return Fate(
            words + "not known", "nothing, or ask the recipient; a late report still counts"
        )
    return Fate("the network took it; no delivery report was asked for", None)


def _delivered(_message: Message, _now: Instant) -> Fate:
    return Fate("a delivery report says so for every part", None)


def _failed(message: Message, _now: Instant) -> Fate:
    part = _first(message, SegmentState.FAILED)
    reason = message.reason or "no reason is kept"
    if part is None:
        words = f"the part that failed went out after all, and not all the others did: {reason}"
        return Fate(words, ANEW)
    if part.attempts == 0:
        words = f"refused before anything of it was sent: {reason}"
        return Fate(words, "mend that, then send it anew")
    if part.reported_at is not None:
        words = (
            f"the network took it, and its delivery report says that it did not arrive: {reason}"
        )
    else:
        words = f"refused at attempt {part.attempts}, and another would be refused too: {reason}"
    about_number = part.outcome is not None and part.outcome.scope is Scope.DESTINATION
    return Fate(words, "check the number, then send it anew" if about_number else ANEW)


def _expired(message: Message, _now: Instant) -> Fate:
    part = _first(message, SegmentState.EXPIRED)
    if part is not None and part.reported_at is not None:
        words = "the network took it, and could not deliver it within its time"
    else:
        words = message.reason or "its time was over"
    return Fate(words, f"{ANEW}, with a later `expires_at`")


def _cancelled(message: Message, _now: Instant) -> Fate:
    reason = message.reason or MessageState.CANCELLED.value
    words = f"it will not be sent: {reason}"
    if any(part.attempts for part in message.parts):
        words = f"it will not be sent again: {reason}"
    return Fate(words, ANEW)


def _uncertain(message: Message, now: Instant) -> Fate:
    decide = DECIDE.format(id=message.id)
    if message.reason == RESTORED:
        return _restored(message)
    words = f"it may have gone out, and nobody knows: {message.reason or 'no answer came'}"
    if message.final:
        return Fate(f"{words}; no answer and no report is waited for any more", decide)
    if message.on_uncertain is OnUncertain.HOLD:
        return Fate(f"{words}; it is held (`on_uncertain` is hold)", decide)
    if message.possible_duplicates:
        return Fate(f"{words}; it was sent once more already, and is not again by itself", decide)
    if message.expires_at <= now:
        return Fate(f"{words}; its time is over, so it is not sent again by itself", decide)
    words += "; it is sent once more unless a late answer or a report tells before that"
    return Fate(words, f"{NOTHING}; or do not wait: {decide}")


def _restored(message: Message) -> Fate:
    words = "it was waiting in a copy of the store that was put back, and is held: "
    if any(part.attempts for part in message.parts):
        words += "the copy shows that it had begun, and it may have gone out since"
    elif message.not_before is not None:
        words += "the copy shows no attempt; it may have gone out since only where its time "
        words += "(`send_at`) came before the restore"
    else:
        words += "the copy shows no attempt, and it may have gone out since"
    todo = (
        f"`airpost queue release --restored {message.id}` lets it go on; `airpost queue release "
        f"{message.id} --as sent` or `--as cancelled` where that is known"
    )
    return Fate(words, todo)


def _first(message: Message, state: SegmentState) -> PartView | None:
    return next((part for part in message.parts if part.state is state), None)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


_OF: Mapping[MessageState, Callable[[Message, Instant], Fate]] = {
    MessageState.ACCEPTED: _accepted,
    MessageState.QUEUED: _queued,
    MessageState.SENDING: _sending,
    MessageState.SENT: _sent,
    MessageState.DELIVERED: _delivered,
    MessageState.FAILED: _failed,
    MessageState.EXPIRED: _expired,
    MessageState.CANCELLED: _cancelled,
    MessageState.UNCERTAIN: _uncertain,
}

"""From a request to the message it asks for, with every check that needs no store.

May import codec, L0 and the pool's facade.
"""

from __future__ import annotations

from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.codec.dcs import Alphabet
from airpost.codec.transliterate import Transliterate
from airpost.codec.udh import Ports
from airpost.errors import InvalidRequest
from airpost.model import (
    Asked,
    Encoding,
    Lane,
    MessageId,
    NewMessage,
    SegmentBody,
    Waiting,
    uuid7,
)
from airpost.policy import Policies
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import HttpDeps
from airpost.services.http.known import no_modem, there
from airpost.services.http.people import NAMING
from airpost.services.http.problems import Refusal
from airpost.services.http.schemas import MessageFields, SendIn
from airpost.services.http.texts import Cut, cut_data, cut_text

TTL_MAX_S = 63 * 7 * 86_400  # the longest TP-VP, TS 23.040 9.2.3.12.1
SEND_AT_MAX_S = 366 * 86_400
SEND_AT_SLACK_S = 60  # the way here takes time, and clocks differ: a moment ago means now
REFUSED_MESSAGES = (
    "number-not-dialable", "empty-text", "too-many-parts", "control-character", "not-encodable",
    "text-and-data", "modem-and-route", "unknown-modem", "unknown-route", "time-in-past",
    "time-out-of-range", "ttl-out-of-range", "blocked", "country-not-allowed", "premium-number",
    "too-many-waiting", "queue-full", "idempotency-running", "idempotency-mismatch", "quiet-hours",
    "quota-exhausted", "rate-limited-local", "class-not-allowed", "route-not-allowed", *NAMING,
)  # fmt: skip
_REPLACE = 0x40  # TP-PID 0x41 to 0x47: "replace short message type 1" to 7, 23.040 9.2.3.9
_ENCODINGS = {
    Alphabet.GSM7: Encoding.GSM7, Alphabet.UCS2: Encoding.UCS2, Alphabet.DATA: Encoding.DATA,
}  # fmt: skip


def compose(
    given: SendIn,
    caller: Caller,
    deps: HttpDeps,
    now: Instant | None = None,
    batch: tuple[int, int] | None = None,
) -> NewMessage:
    """The message a request of `now` asks for; InvalidRequest naming the field that cannot be."""
    now = deps.clock.now() if now is None else now
    _check_modem(given, deps, caller)
    admitted = deps.admission.admit(
        given.to, given.class_, given.tags, caller, route=given.route, modem=given.modem
    )
    if caller.routes is not None:
        _check_route(admitted.route, deps, caller)  # it may be the key's own
    cut = cut_up(given, deps)
    segments = _segments(cut, given.replace)
    not_before, expires_at = _times(given, now, deps.settings.classes)
    policy = deps.settings.classes[given.class_]
    return NewMessage(
        # Of this moment, also in a batch: ids of one time lie all over their index.
        id=MessageId(uuid7(deps.clock.now(), deps.rng)),
        owner=caller.owner,
        key_id=caller.key_id,
        to=admitted.to,
        class_=given.class_,
        encoding=_ENCODINGS[cut.split.alphabet],
        text=given.text,
        data=given.data,
        sent_text=cut.sent_text,
        segments=segments,
        concat_bits=deps.settings.concat_bits,
        want_report=policy.report if given.report is None else given.report,
        created_at=now,
        not_before=not_before,
        expires_at=expires_at,
        on_uncertain=given.on_uncertain or policy.on_uncertain,
        ordered=given.ordered,
        lane=None if given.modem is None else Lane(given.modem),
        route=admitted.route,
        carrier=admitted.carrier,
        sender_ref=given.sender_ref,
        tags=given.tags,
        batch=batch,
        asked=_asked(given),
    )


def _segments(cut: Cut, replace: int | None) -> tuple[SegmentBody, ...]:
    """The parts as they go on the air; `replace`: whose place on the handset they take."""
    parts = cut.split.parts
    if replace is not None and len(parts) > 1:
        words = f"is for a message of one part; this one needs {len(parts)}"
        raise InvalidRequest("replace", words)
    pid = 0 if replace is None else _REPLACE + replace
    return tuple(
        SegmentBody(pid=pid, dcs=part.dcs, udh=part.udh, ud=part.ud, udl=part.udl) for part in parts
    )


def _asked(given: SendIn) -> Asked:
    """What a message does not show otherwise; next to nothing to do where nothing was asked."""
    asked: dict[str, str | int] = {}
    if given.port is not None:
        asked["port"] = given.port
    if given.source_port is not None:
        asked["source_port"] = given.source_port
    if given.port_bits is not None:
        asked["port_bits"] = given.port_bits
    if given.flash:
        asked["flash"] = True
    if given.replace is not None:
        asked["replace"] = given.replace
    if given.route is not None:
        asked["route"] = given.route
    if given.transliterate is not Transliterate.NEVER:
        asked["transliterate"] = given.transliterate.value
    return asked


def check_shared(given: MessageFields, deps: HttpDeps, caller: Caller) -> None:
    """What holds for all messages of a batch; InvalidRequest where it would hold for none."""
    _check_modem(given, deps, caller)
    _times(given, deps.clock.now(), deps.settings.classes)
    if given.text is not None or given.data is not None:
        cut_up(given, deps)


# -- the content ---------------------------------------------------------------------------------
def cut_up(given: MessageFields, deps: HttpDeps) -> Cut:
    """The parts of what is to be sent; InvalidRequest when it cannot be."""
    if given.text is not None and given.data is not None:
        raise InvalidRequest("data", "cannot stand beside text", "text-and-data")
    if given.data is not None:
        _check_data(given)
        return cut_data(given.data, _ports(given), deps.settings, flash=given.flash)
    if given.text is None:
        raise InvalidRequest("text", "is missing, and so is data", "missing-field")
    for name in ("port", "source_port", "port_bits"):
        if getattr(given, name) is not None:
            raise InvalidRequest(name, "belongs to data, not to text")
    return cut_text(given.text, given, deps.settings)


def _check_data(given: MessageFields) -> None:
    if given.encoding not in (None, Encoding.DATA):
        raise InvalidRequest("encoding", "belongs to text, not to data")
    if given.languages:
        raise InvalidRequest("languages", "belong to text, not to data")
    if given.transliterate is not Transliterate.NEVER:
        raise InvalidRequest("transliterate", "belongs to text, not to data")


def _ports(given: MessageFields) -> Ports | None:
    if given.port is None:
        for name in ("source_port", "port_bits"):
            if getattr(given, name) is not None:
                raise InvalidRequest(name, "needs a port beside it")
        return None
    ports = Ports(bits=given.port_bits or 16, dst=given.port, src=given.source_port or 0)
    if ports.bits == 8:
        for name, value in (("port", ports.dst), ("source_port", ports.src)):
            if value > 255:
                raise InvalidRequest(name, "is at most 255 with a port_bits of 8")
    return ports


# -- where and when ------------------------------------------------------------------------------
def _check_modem(given: MessageFields, deps: HttpDeps, caller: Caller) -> None:
    if given.modem is not None and given.route is not None:
        raise InvalidRequest("route", "cannot stand beside modem", "modem-and-route")
    if given.modem is not None and deps.pool.modem(Lane(given.modem)) is None:
        raise InvalidRequest("modem", no_modem(deps.pool), "unknown-modem")
    _check_route(given.route, deps, caller)


def _check_route(route: str | None, deps: HttpDeps, caller: Caller) -> None:
    if route is None or deps.admission.describes(route):
        return
    if route not in deps.pool.routes():
        known = deps.admission.routes | deps.pool.routes()
        if caller.routes is not None:
            known &= set(caller.routes)  # of the others it need not know
        words = f"no modem serves this route: {there(known)}"
        raise InvalidRequest("route", words, "unknown-route")


def _times(given: MessageFields, now: Instant, classes: Policies) -> tuple[Instant | None, Instant]:
    """(not_before, expires_at); a time to live counts from when the message may go."""
    not_before: Instant | None = None
    if given.send_at is not None:
        if given.send_at < now - SEND_AT_SLACK_S * SECOND_US:
            raise InvalidRequest("send_at", "is in the past", "time-in-past")
        if given.send_at > now + SEND_AT_MAX_S * SECOND_US:
            raise InvalidRequest("send_at", "is more than a year away", "time-out-of-range")
        not_before = Instant(given.send_at) if given.send_at > now else None
    begin = not_before or now
    if given.expires_at is not None:
        if given.ttl_s is not None:
            raise InvalidRequest("ttl_s", "cannot stand beside expires_at")
        if given.expires_at <= now:
            raise InvalidRequest("expires_at", "is in the past", "time-in-past")
        if given.expires_at <= begin:
            raise InvalidRequest("expires_at", "is not after send_at", "time-out-of-range")
        if given.expires_at > begin + TTL_MAX_S * SECOND_US:
            raise InvalidRequest("expires_at", "is more than 63 weeks away", "time-out-of-range")
        return not_before, Instant(given.expires_at)
    ttl_s = classes[given.class_].validity_s if given.ttl_s is None else given.ttl_s
    if not 1 <= ttl_s <= TTL_MAX_S:
        words = f"must be between 1 and {TTL_MAX_S} seconds"
        raise InvalidRequest("ttl_s", words, "ttl-out-of-range")
    # The microsecond tells it from an instant that was named: `store/timing.py`.
    return not_before, Instant(begin + ttl_s * SECOND_US + (not_before is not None))


async def check_limits(new: NewMessage, deps: HttpDeps) -> None:
    """Refuse what a limit with `reject` is known to stand against now."""
    due = new.not_before or new.created_at
    coming = Waiting(
        seq=0,
        id=new.id,
        to=new.to,
        class_=new.class_,
        parts=len(new.segments),
        lane=new.lane,
        route=new.route,
        key_id=new.key_id,
        carrier=new.carrier,
    )
    found = await deps.pool.refuses(coming, due)
    if found is not None:
        wait_s = max(1, -(-(found.until - deps.clock.now()) // SECOND_US))
        raise Refusal(
            found.reason.replace("_", "-"),
            f"refused by a limit: {found.words}",
            headers={"Retry-After": str(wait_s)},
            extra={"until": rfc3339(found.until)},
        )

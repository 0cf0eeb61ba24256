"""What callers see: messages, received messages, events and modems as JSON, and cursors.

May import codec and L0. The names are those of the public interface and never change silently.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from pydantic_core import to_json

from airpost.apikey import ApiKey
from airpost.clock import Instant, rfc3339
from airpost.codec.alphabets import gsm7
from airpost.codec.split import Split
from airpost.errors import InvalidRequest
from airpost.model import Credit, Event, Message, ModemView, NewMessage, PartView, SelfTest, Waits
from airpost.outcome import Outcome
from airpost.pool.facade import BudgetView, Pool, Promise
from airpost.received import Inbound
from airpost.routes import DEFAULT_ROUTE
from airpost.states import MessageState, SegmentState
from airpost.store.api import Page
from airpost.store.routing import Blocked, Routed

Json = dict[str, Any]
T = TypeVar("T")
MAX_OFFENDERS = 20
_CURSOR = re.compile(r"([a-z]):([0-9]{1,18})")


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return to_json(value)  # a tenth of what the standard library's encoder takes


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _outcome(outcome: Outcome | None) -> Json | None:
    if outcome is None:
        return None
    return {
        "class": outcome.cls.value,
        "scope": outcome.scope.value,
        "code": outcome.code,
        "text": outcome.text,
    }


def _content(text: str | None, data: bytes | None) -> Json:
    """`text` or `data` (base64); neither where the content is no longer kept."""
    content: Json = {}
    if text is not None:
        content["text"] = text
    if data is not None:
        content["data"] = base64.b64encode(data).decode()
    return content


def _part(part: PartView) -> Json:
    return {
        "seq": part.seq,
        "state": part.state.value,
        "modem": part.modem,
        "reference": part.reference,
        "attempts": part.attempts,
        "sent_at": _time(part.sent_at),
        "reported_at": _time(part.reported_at),
        "outcome": _outcome(part.outcome),
    }


def message_json(message: Message) -> Json:
    """A stored message."""
    return {
        "id": message.id,
        "to": message.to,
        "class": message.class_.value,
        "state": message.state.value,
        "encoding": message.encoding.value,
        "parts": [_part(part) for part in message.parts],
        "modem": message.modem,
        "created_at": _time(message.created_at),
        "not_before": _time(message.not_before),
        "expires_at": _time(message.expires_at),
        "sent_at": _time(message.sent_at),
        "delivered_at": _time(message.delivered_at),
        "final": message.final,
        "reason": message.reason,
        **_content(message.text, message.data),
        "sent_text": message.sent_text,
        "report": message.want_report,
        "on_uncertain": message.on_uncertain.value,
        "ordered": message.ordered,
        "possible_duplicates": message.possible_duplicates,
        "sender_ref": message.sender_ref,
        "tags": list(message.tags),
        "batch": message.batch,
        "waits": None if message.waits is None else _waits(message.waits),
        **message.asked,
    }


def listed_json(pool: Pool, message: Message) -> Json:
    """A message in a list, with the limit it is known to wait for."""
    waits = None if message.final else pool.waits(message, listed=True)
    return message_json(message if waits == message.waits else replace(message, waits=waits))


def _waits(waits: Waits) -> Json:
    return {"reason": waits.reason, "for": waits.words, "until": _time(waits.until)}


@lru_cache(maxsize=256)
def _queued(count: int) -> tuple[PartView, ...]:
    """The parts of a message of which none was sent."""
    return tuple(
        PartView(
            seq=seq,
            state=SegmentState.QUEUED,
            modem=None,
            reference=None,
            attempts=0,
            sent_at=None,
            reported_at=None,
            outcome=None,
        )
        for seq in range(1, count + 1)
    )


def accepted(new: NewMessage) -> Message:
    """A message as it stands in the moment it is stored: the answer is made before the commit."""
    waiting = new.not_before is not None and new.not_before > new.created_at
    return Message(
        id=new.id,
        seq=0,  # known after the commit only, and no part of the JSON
        owner=new.owner,
        to=new.to,
        class_=new.class_,
        state=MessageState.ACCEPTED if waiting else MessageState.QUEUED,
        encoding=new.encoding,
        parts=_queued(len(new.segments)),
        modem=None,
        created_at=new.created_at,
        not_before=new.not_before,
        expires_at=new.expires_at,
        sent_at=None,
        delivered_at=None,
        final=False,
        reason=None,
        text=new.text,
        data=new.data,
        sent_text=new.sent_text,
        want_report=new.want_report,
        on_uncertain=new.on_uncertain,
        ordered=new.ordered,
        possible_duplicates=0,
        sender_ref=new.sender_ref,
        tags=new.tags,
        asked=new.asked,
    )


def inbound_json(inbound: Inbound) -> Json:
    """A received message."""
    shown: Json = {
        "id": inbound.id,
        "owner": inbound.owner,
        "in_reply_to": inbound.in_reply_to,
        "copies": inbound.copies,
        "from": inbound.from_,
        "to": inbound.to,
        "modem": inbound.modem,
        "sim": inbound.sim,
        **_content(inbound.text, inbound.data),
        "encoding": inbound.encoding.value,
        "parts": inbound.parts,
        "partial": inbound.partial,
        "sent_at": _time(inbound.sent_at),
        "received_at": _time(inbound.received_at),
        "sender_ref": inbound.sender_ref,
        "tags": list(inbound.tags),
    }
    if inbound.port is not None:
        shown["port"] = inbound.port
    if inbound.class_ is not None:
        shown["class"] = inbound.class_
    return shown


def event_json(event: Event) -> Json:
    """One row of history; `from` and `to` are states, null where there is none."""
    return {
        "seq": event.seq,
        "at": _time(event.at),
        "message": event.message_id,
        "subject": event.subject,
        "from": event.from_,
        "to": event.to,
        "reason": event.reason,
        "actor": event.actor,
        "severity": event.severity.value,
    }


def modem_json(view: ModemView, budget: BudgetView | None = None) -> Json:
    """One modem; `budget` None: its SIM is not limited."""
    return {
        "name": view.lane,
        "port": view.port,
        "state": view.state.value,
        "since": _time(view.since),
        "detail": view.detail,
        "ready": view.ready,
        "stalled": view.stalled,
        "roaming": view.roaming,
        "paused": view.paused,
        "routes": sorted(view.routes),
        "manufacturer": view.manufacturer,
        "model": view.model,
        "imei": view.imei,
        "sim": view.sim_id,
        "imsi": view.imsi,
        "number": view.number,
        "operator": view.operator,
        "registration": view.registration,
        "signal_dbm": view.signal_dbm,
        "smsc": view.smsc,
        "service_s": view.service_s,
        "last_proof_at": _time(view.last_proof_at),
        "proof": None if view.last_proof is None else view.last_proof.value,
        "memory": _memory(view),
        "selftest": None if view.selftest is None else _selftest(view.selftest),
        "credit": None if view.credit is None else _credit(view.credit),
        "limits": None if budget is None else _budget(budget),
        "last_error": view.last_error,
    }


def _memory(view: ModemView) -> Json | None:
    """The places of the memory for messages, None where the modem does not tell them."""
    if view.memory is None:
        return None
    used, places, at = view.memory
    return {"used": used, "places": places, "at": _time(at)}


def promise_json(promise: Promise) -> Json:
    """What urgent traffic the modems there are can take, for each route."""
    return {
        "route": promise.route,
        "modems": promise.modems,
        "reserved": promise.reserved,
        "service_s": promise.service_s,
        "wait_s": promise.wait_s,
        "share": promise.share,
        "urgent_per_minute": promise.urgent_per_minute,
        "under_bulk_per_minute": promise.under_bulk_per_minute,
    }


def _budget(budget: BudgetView) -> Json:
    return {
        "profile": budget.profile,
        "uses": [
            {
                "limit": use.limit,
                "used": use.used,
                "of": use.of,
                "left": use.left,
                "reserved": use.reserved,
                "resets_at": _time(use.resets_at),
            }
            for use in budget.uses
        ],
        "blocked": None
        if budget.blocked is None
        else {"for": budget.blocked.words, "until": _time(budget.blocked.until)},
    }


def _selftest(test: SelfTest) -> Json:
    return {
        "message": test.message_id,
        "at": _time(test.at),
        "state": test.state.value,
        "over": test.over,
        "detail": test.detail,
    }


def _credit(credit: Credit) -> Json:
    return {
        "value": credit.value,
        "at": _time(credit.at),
        "low": credit.low,
        "problem": credit.problem,
    }


def key_json(key: ApiKey) -> Json:
    """A key without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "scopes": sorted(key.scopes),
        "countries": key.countries,
        "classes": key.classes,
        "routes": key.routes,
        "networks": key.networks,
        "rate": key.rate,
        "expires_at": _time(key.expires_at),
        "old_until": _time(key.old_until),
        "created_at": _time(key.created_at),
        "revoked_at": _time(key.revoked_at),
    }


def blocked_json(blocked: Blocked) -> Json:
    """A number that is never texted."""
    return {
        "number": blocked.number,
        "note": blocked.note,
        "by": blocked.actor,
        "since": _time(blocked.since),
    }


def routing_json(routed: Routed | None, waits_for: list[str], *, now: bool) -> Json:
    """Why a message went by one modem and not by the others; `now`: why it would, or waits."""
    if routed is None:
        return {}
    return {
        "route": routed.route or DEFAULT_ROUTE,
        "group": None if routed.group is None else routed.group + 1,
        "groups_failed": routed.groups_failed,
        "modem": routed.lane,
        "sim": routed.sim_id,
        "at": _time(routed.bound_at),
        "now": now,
        "why": routed.reason,
        "waits_for": waits_for,
        "others": [{"modem": lane, "why_not": words}
                   for lane, words in sorted(routed.others.items())],
    }  # fmt: skip


def preview_json(text: str, split: Split) -> Json:
    """What sending `text` would cost; `offenders` are the characters that GSM 7-bit lacks."""
    tables = gsm7(split.locking_shift, split.single_shift)
    # A dict keeps the order in which the characters come.
    offenders = [char for char in dict.fromkeys(text) if not tables.encodable(char)]
    return {
        "alphabet": split.alphabet.value,
        "units": split.units,
        "parts": len(split.parts),
        "texts": [{"seq": seq, "units": part.units, "text": part.text}
                  for seq, part in enumerate(split.parts, 1)],
        "offenders": offenders[:MAX_OFFENDERS],
    }  # fmt: skip


def page_json(page: Page[T], show: Callable[[T], Json], kind: str) -> Json:
    """A list with the cursor that continues it, null at the end."""
    following = None if page.next is None else write_cursor(kind, page.next)
    return list_json(map(show, page.items), following)


def list_json(items: Iterable[Json], following: str | None = None) -> Json:
    """`{items, next}`."""
    return {"items": list(items), "next": following}


def write_cursor(kind: str, seq: int) -> str:
    """An opaque place in a list; `kind` is a letter that keeps the lists apart."""
    return base64.urlsafe_b64encode(f"{kind}:{seq}".encode()).decode().rstrip("=")


def read_cursor(kind: str, cursor: str) -> int:
    """The place a cursor stands for, 0 for an empty one; InvalidRequest for a foreign one."""
    if not cursor:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = _CURSOR.fullmatch(base64.b64decode(padded, b"-_", validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        found = None
    if found is None or found[1] != kind:
        raise InvalidRequest("cursor", "is not one this list has given", "invalid-cursor")
    return int(found[2])

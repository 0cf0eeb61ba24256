"""What is told to the service, and what it answers, as types: docs/HTTP.md has what each means.

L0: stdlib only. `class` and `from` are words of Python, so that these are tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict

Json = dict[str, Any]
Time = datetime | str

Fields = TypedDict("Fields", {
    "data": bytes, "port": int, "source_port": int, "port_bits": int, "class_": str,
    "report": bool, "send_at": Time, "expires_at": Time, "ttl_s": int, "on_uncertain": str,
    "ordered": bool, "route": str, "modem": str, "encoding": str, "languages": list[str],
    "transliterate": str, "flash": bool, "replace": int, "sender_ref": str, "tags": list[str],
}, total=False)  # fmt: skip


class Content(Fields, total=False):
    """What a batch or a preview may say beside them."""

    template: str
    values: Mapping[str, Any]


Filters = TypedDict("Filters", {
    "state": str, "to": str, "class_": str, "modem": str, "tag": str, "since": Time, "until": Time,
    "batch": str, "sender_ref": str, "key": str, "uncertain": bool, "newest": bool,
}, total=False)  # fmt: skip
Outcome = TypedDict("Outcome", {"class": str, "scope": str, "code": str, "text": str})
Part = TypedDict("Part", {
    "seq": int, "state": str, "modem": str | None, "reference": int | None, "attempts": int,
    "sent_at": str | None, "reported_at": str | None, "outcome": Outcome | None,
})  # fmt: skip
Message = TypedDict("Message", {  # `routing` of one message; of the rest what was asked for
    "id": str, "to": str, "class": str, "state": str, "encoding": str, "parts": list[Part],
    "text": NotRequired[str], "data": NotRequired[str], "sent_text": str | None,
    "modem": str | None, "created_at": str, "not_before": str | None, "expires_at": str,
    "sent_at": str | None, "delivered_at": str | None, "final": bool, "reason": str | None,
    "report": bool, "on_uncertain": str, "ordered": bool, "possible_duplicates": int,
    "sender_ref": str | None, "tags": list[str], "batch": str | None, "waits": Json | None,
    "routing": NotRequired[Json], "port": NotRequired[int], "source_port": NotRequired[int],
    "port_bits": NotRequired[int], "flash": NotRequired[bool], "replace": NotRequired[int],
    "route": NotRequired[str], "transliterate": NotRequired[str],
})  # fmt: skip
Inbound = TypedDict("Inbound", {
    "id": str, "owner": str | None, "in_reply_to": str | None, "copies": int, "from": str,
    "to": str | None, "modem": str, "sim": str, "encoding": str, "parts": int, "partial": bool,
    "text": NotRequired[str], "data": NotRequired[str], "sent_at": str | None, "received_at": str,
    "sender_ref": str | None, "tags": list[str], "port": NotRequired[int],
    "class": NotRequired[int],
})  # fmt: skip
Taken = TypedDict("Taken", {"id": str, "accepted": int, "rejected": list[Json]})
Batch = TypedDict("Batch", {
    "id": str, "state": str, "size": int, "accepted": int, "rejected_count": int,
    "created_at": str, "taken_at": str | None, "cancelled_at": str | None, "key": str | None,
    "sender_ref": str | None, "tags": list[str], "rejected": list[Json], "counts": dict[str, int],
    "final": bool,
})  # fmt: skip
Preview = TypedDict("Preview", {
    "text": str, "sent_text": str | None, "alphabet": str, "units": int, "parts": int,
    "texts": list[Json], "offenders": list[str], "transliteration": Json | None,
})  # fmt: skip
Event = TypedDict("Event", {"id": str, "type": str, "timestamp": str, "data": Json})
Modem = TypedDict("Modem", {
    "name": str, "port": str, "state": str, "since": str, "detail": str, "ready": bool,
    "stalled": bool, "roaming": bool, "paused": str | None, "routes": list[str],
    "manufacturer": str | None, "model": str | None, "imei": str | None, "sim": str | None,
    "imsi": str | None, "number": str | None, "operator": str | None, "registration": str | None,
    "signal_dbm": int | None, "smsc": str | None, "service_s": float | None,
    "last_proof_at": str | None, "proof": str | None, "memory": Json | None,
    "selftest": Json | None, "credit": Json | None, "limits": Json | None, "last_error": str | None,
})  # fmt: skip

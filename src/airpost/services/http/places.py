"""Cursors of lists that go by a name rather than by the order of commits.

Stdlib and L0 only. A place is opaque to callers; its kind keeps the lists apart.
"""

from __future__ import annotations

import base64
import binascii
import json

from airpost.errors import InvalidRequest


def write_place(kind: str, *at: str) -> str:
    """The cursor of the place behind an entry, by what orders the list."""
    octets = json.dumps([kind, *at], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def read_place(kind: str, cursor: str, count: int = 1) -> tuple[str, ...]:
    """The place a cursor stands for, all "" for an empty one; InvalidRequest for a foreign one."""
    if not cursor:
        return ("",) * count
    try:
        octets = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        found = json.loads(octets)
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) != count + 1
        or found[0] != kind
        or not all(isinstance(each, str) for each in found)
    ):
        raise InvalidRequest("cursor", "is not one this list has given", "invalid-cursor")
    return tuple(found[1:])

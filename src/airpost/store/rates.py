"""How many messages of a shape a network has taken, and how many of them it has delivered.

May import L0 and sqlite3. An hour is counted once, RIPE_S after its end: a message counts as
delivered when it was within RIPE_S, so that every hour is measured alike.
"""

from __future__ import annotations

import json
import re
import sqlite3
from hashlib import sha256

from airpost.clock import SECOND_US, Instant
from airpost.model import MessageId
from airpost.store.funnel import HOUR_US
from airpost.store.keeping import Rate
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("rates")
RIPE_S = 3600
MOST_HOURS = 48  # looked back at after a long rest
SHAPE_CHARS = 32
NAMED = "template:"  # a tag that begins so names the shape
_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")


def shape_of(text: str, tags: list[str]) -> str:
    """What messages made from one template have in common, as a digest.

    The template that a tag names; else the beginning of the text in small letters, its numbers
    taken for one another.
    """
    named = next((tag for tag in tags if tag.startswith(NAMED)), None)
    plain = _DIGITS.sub("0", _SPACE.sub(" ", text.strip().casefold()))[:SHAPE_CHARS]
    return sha256((named or plain).encode()).hexdigest()[:16]


def uncounted(db: sqlite3.Connection, now: Instant) -> tuple[list[Rate], int]:
    """The hours that are ripe and not yet counted, and the hour from which on none is."""
    until = (now - RIPE_S * SECOND_US) // HOUR_US
    found = db.execute(_SQL["counted"]).fetchone()
    since = max(until - MOST_HOURS, 0 if found is None else int(found[0]))
    if since >= until:
        return [], since
    counted: dict[tuple[str, str, int], list[int]] = {}
    samples: dict[tuple[str, str, int], MessageId] = {}
    given = (since * HOUR_US, until * HOUR_US, RIPE_S * SECOND_US)
    for hour, operator, delivered, id_, tags, text in db.execute(_SQL["sent_between"], given):
        if text is None:
            continue  # data, or erased by now
        key = (operator, shape_of(text.decode(), json.loads(tags)), hour)
        both = counted.setdefault(key, [0, 0])
        both[0] += 1
        both[1] += bool(delivered)
        if not delivered or key not in samples:
            samples[key] = id_
    rates = [
        Rate(
            operator=key[0], shape=key[1], hour=key[2],
            asked=both[0], delivered=both[1], sample=samples[key],
        )
        for key, both in counted.items()
    ]  # fmt: skip
    return rates, until


def add(tx: Tx, rates: list[Rate], until: int) -> None:
    """Keep what was counted."""
    for each in rates:
        given = (each.operator, each.shape, each.hour, each.asked, each.delivered, each.sample)
        tx.db.execute(_SQL["add"], given)
    tx.db.execute(_SQL["set_counted"], (str(until),))


def rates(db: sqlite3.Connection, since_hour: int) -> list[Rate]:
    """What was counted from that hour on."""
    return [
        Rate(operator=row[0], shape=row[1], hour=row[2], asked=row[3], delivered=row[4],
             sample=row[5])
        for row in db.execute(_SQL["since"], (since_hour,))
    ]  # fmt: skip


def told_filters(db: sqlite3.Connection) -> str:
    """What was told of filters and has not ended, as it was kept."""
    found = db.execute(_SQL["told"]).fetchone()
    return "" if found is None else str(found[0])


def keep_filters(tx: Tx, told: str) -> None:
    """Keep it over restarts."""
    tx.db.execute(_SQL["keep_told"], (told,))

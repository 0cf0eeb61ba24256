"""Records that outlive a restart: frozen dataclasses as JSON under a key of the store.

May import store.api. What another version kept beside is left out, what it lacked has its default.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, TypeVar

from airpost.store.api import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)


async def recalled(store: Store, key: str, kind: type[Record]) -> Record:
    """The record under `key`, a new one where there is none; StoreUnavailable."""
    given = json.loads(await store.recall(key) or "{}")
    return kind(**{each.name: given[each.name] for each in fields(kind) if each.name in given})


async def keep(store: Store, key: str, record: DataclassInstance) -> None:
    """Returns after its commit; StoreUnavailable."""
    await store.remember(key, json.dumps(asdict(record)))

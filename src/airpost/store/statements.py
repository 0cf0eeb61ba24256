"""The SQL files, as named statements.

Stdlib only. A file holds statements under lines of the form `-- name: claim`; what stands above the
first one is a comment on the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def text(name: str) -> str:
    """The text of `sql/sqlite/<name>.sql`."""
    folder = resources.files("airpost.store") / "sql" / "sqlite"
    return (folder / f"{name}.sql").read_text(encoding="utf-8")


@cache
def load(name: str) -> Mapping[str, str]:
    """The statements of a file by their names; ValueError when a name stands twice."""
    _, *found = _NAME.split(text(name))
    names, bodies = found[::2], found[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{name}.sql names a statement twice")
    return {key: body.strip() for key, body in zip(names, bodies, strict=True)}

"""A command that somebody typed: the one of the catalogue where it is one, else told from its text.

Pure. Typed commands go last, whatever they ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from airpost.at import command
from airpost.at.command import Command, Priority, raw

TYPED_S = 10.0
_CATALOGUE: Mapping[str, Command] = {
    each.text: each for each in vars(command).values() if isinstance(each, Command)
}


def typed(text: str) -> Command:
    """The command; LocalProtocolError unless it is printable ASCII, begins with AT and asks for no
    payload.
    """
    text = text.strip()
    known = _CATALOGUE.get(text.upper())
    return raw(text, TYPED_S) if known is None else replace(known, priority=Priority.CARE)

"""What a lane's loop asks and tells the pool about doubt of its SIM.

Values only. May import L0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from airpost.model import Claimed, Lane, MessageId, SimId


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a lane asks and tells about doubt.

    `refused`: its SIM was refused a segment and may be to blame; True where another can try it.
    `sent`: it has sent something. `probes`: messages it may send while it is held.
    """

    refused: Callable[[Lane, Claimed, SimId], bool]
    sent: Callable[[Lane], None]
    probes: Callable[[], Collection[MessageId]]

"""The Decisions protocol: what people decide about single messages.

May import L0.
"""

from __future__ import annotations

from typing import Protocol

from airpost.model import Lane, MessageId, SimId
from airpost.store.values import Verdict


class Decisions(Protocol):
    """What people decide about messages that wait or are in doubt."""

    async def move(self, lane: Lane, to: Lane | None, actor: str) -> int:
        """Move what is bound to `lane` or asks for it, and has not begun; how many messages.

        They ask for `to` then; None: for whatever serves their route.
        """
        ...

    async def settle(
        self, message_id: MessageId, owner: str | None, verdict: Verdict, actor: str
    ) -> bool:
        """A person's word about a message in doubt; False when nothing of it is, or it is sending.

        RESEND is counted as a possible duplicate; where its time is over it gets that of its class
        anew. KeyError when the owner has no such message.
        """
        ...

    async def elsewhere(self, segment_id: int, sim_id: SimId) -> None:
        """The message of a queued segment is tried at once by another SIM than this one."""
        ...

    async def unproved(self, sim_id: SimId, most: int) -> int:
        """How many of the newest attempts of a SIM, in a row, nothing proves to be sent.

        Neither an answer, at once or late, nor a delivery report; `most` at most.
        """
        ...

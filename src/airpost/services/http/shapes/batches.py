"""Shapes of batches.

May import pydantic and L0.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from airpost.model import Encoding
from airpost.services.http.shapes.base import Page, Problem, Shape, Time
from airpost.states import MessageState


class Rejected(Shape):
    """A row that was not taken."""

    index: int = Field(description="Of the row, from 0")
    to: str | None = Field(description="As it was given")
    problem: Problem


class Taken(Shape):
    """What became of the rows of a batch."""

    id: str
    accepted: int
    rejected: list[Rejected]


class BatchEntry(Shape):
    """A batch in a list."""

    id: str
    state: Literal["taking", "interrupted", "taken", "cancelled"]
    size: int = Field(description="Rows")
    accepted: int
    rejected_count: int
    created_at: Time
    taken_at: Time | None
    cancelled_at: Time | None
    key: str | None = Field(description="The id of the key it came with")
    sender_ref: str | None
    tags: list[str]


class BatchPage(Page[BatchEntry]):
    """A page of batches, oldest first."""


class Batch(BatchEntry):
    """A batch, and what has become of its messages."""

    rejected: list[Rejected]
    counts: dict[MessageState, int] = Field(description="Its messages, by state")
    final: bool = Field(description="All of them are final")


class CancelledBatch(Batch):
    """A batch after it was cancelled."""

    cancelled_count: int
    not_cancelled_count: int = Field(description="Under way, or of unknown fate")


class RowPreview(Shape):
    """What a row would send."""

    index: int
    to: str
    text: str | None
    sent_text: str | None
    encoding: Encoding
    parts: int


class BatchPreview(Shape):
    """What a batch would do."""

    accepted: int
    rejected: list[Rejected]
    parts: int = Field(description="Of all messages")
    messages: list[RowPreview] = Field(description="The first ten")

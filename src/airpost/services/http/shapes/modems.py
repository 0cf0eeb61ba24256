"""Shapes of modems and of what is asked of them.

May import pydantic and L0.
"""

from __future__ import annotations

from pydantic import Field

from airpost.model import ProofKind, UnitState, Way
from airpost.services.http.shapes.base import Page, Shape, Time
from airpost.states import MessageState


class SelfTest(Shape):
    """The newest self-test of a SIM."""

    message: str
    at: Time
    state: MessageState
    over: bool
    detail: str


class Credit(Shape):
    """What a prepaid SIM has left, as it was told."""

    value: float | None
    at: Time | None
    low: bool
    problem: str | None


class LimitUse(Shape):
    """How much of one limit is used."""

    limit: str
    used: int
    of: int
    left: int
    reserved: int
    resets_at: Time | None


class Blocking(Shape):
    """What stands against sending now."""

    for_: str = Field(alias="for")
    until: Time | None


class Limits(Shape):
    """What a SIM may send, and has."""

    profile: str
    uses: list[LimitUse]
    blocked: Blocking | None


class SimMemory(Shape):
    """Places of the memory for received messages, as they were `at` that time."""

    used: int
    places: int
    at: Time


class Modem(Shape):
    """One modem, its SIM, and what shows that messages get through it."""

    name: str
    port: str
    state: UnitState
    since: Time
    detail: str
    ready: bool
    stalled: bool
    roaming: bool
    paused: str | None
    routes: list[str]
    manufacturer: str | None
    model: str | None
    imei: str | None
    sim: str | None
    imsi: str | None
    number: str | None
    operator: str | None
    registration: str | None
    signal_dbm: int | None
    smsc: str | None
    service_s: float | None = Field(description="Seconds a part takes, as measured")
    last_proof_at: Time | None
    proof: ProofKind | None
    memory: SimMemory | None
    selftest: SelfTest | None
    credit: Credit | None
    limits: Limits | None
    last_error: str | None


class Promise(Shape):
    """What urgent traffic the modems of a route can take."""

    route: str
    modems: int
    reserved: int
    service_s: float | None
    wait_s: float
    share: float
    urgent_per_minute: float | None
    under_bulk_per_minute: float | None


class Modems(Page[Modem]):
    """All modems, and what they can promise now."""

    urgent: list[Promise]


class CommandError(Shape):
    """What a modem answered instead of OK."""

    kind: str
    code: int | None
    text: str


class CommandAnswer(Shape):
    """What a modem answered; `error` null for its OK."""

    modem: str
    lines: list[str]
    error: CommandError | None


class UssdAnswer(Shape):
    """What the network said to a USSD code."""

    modem: str
    text: str


class ResetDone(Shape):
    """A modem that is back on its port."""

    modem: str
    how: str
    state: UnitState
    detail: str


class Line(Shape):
    """A line of a modem's wire, redacted."""

    at: Time
    way: Way
    text: str


class Trace(Page[Line]):
    """What last went over a modem's wire, oldest first."""

"""`[queue]` and `[classes.NAME]`: what holds for the queue, and what a class of messages means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from airpost.daemon.config.section import Section
from airpost.errors import ConfigError
from airpost.model import MessageClass, OnUncertain
from airpost.policy import CLASS_POLICY, ClassPolicy, QueuePolicy

_DAY_S = 86_400
_Seconds = Annotated[float, Field(ge=0, le=_DAY_S, allow_inf_nan=False)]
_Many = Annotated[int, Field(ge=1, le=100_000_000)]
_Wait = Annotated[float, Field(ge=0.1, le=_DAY_S, allow_inf_nan=False)]


class QueueSection(Section):
    """`[queue]`."""

    ageing_s: Annotated[float, Field(ge=60, le=30 * _DAY_S, allow_inf_nan=False)] = 3600
    reserved: Annotated[int, Field(ge=0, le=1000)] = 1
    max_waiting_key: _Many = 500_000
    resume_s: Annotated[float, Field(ge=0, le=_DAY_S, allow_inf_nan=False)] = 300


class ClassTimes(Section):
    """What `[classes.NAME]` may say of time and doubt; what is left out stays as it is."""

    report: bool | None = None
    validity_s: Annotated[int, Field(ge=1, le=63 * 7 * _DAY_S)] | None = None
    patience_s: Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False)] | None = None
    grace_s: _Seconds | None = None
    on_uncertain: Literal["resend", "hold"] | None = None
    begin_within_s: _Seconds | None = None
    retry_first_s: _Wait | None = None
    retry_longest_s: _Wait | None = None
    max_waiting: _Many | None = None


def queue_policy(queue: QueueSection, classes: Mapping[str, ClassTimes]) -> QueuePolicy:
    """The settings of both; ConfigError where two of a class contradict each other."""
    found = dict(CLASS_POLICY)
    for class_ in MessageClass:
        if (given := classes.get(class_.value)) is not None:
            found[class_] = _class(class_, given)
    return QueuePolicy(
        ageing_s=queue.ageing_s,
        reserved=queue.reserved,
        max_waiting_key=queue.max_waiting_key,
        resume_s=queue.resume_s,
        classes=found,
    )


def _class(class_: MessageClass, given: ClassTimes) -> ClassPolicy:
    told = {name: getattr(given, name) for name in ClassTimes.model_fields}
    told = {name: value for name, value in told.items() if value is not None}
    if "on_uncertain" in told:
        told["on_uncertain"] = OnUncertain(told["on_uncertain"])
    policy = replace(CLASS_POLICY[class_], **told)
    if policy.retry_first_s > policy.retry_longest_s:
        where = f"classes.{class_.value}.retry_first_s"
        raise ConfigError(where, "is longer than retry_longest_s")
    return policy

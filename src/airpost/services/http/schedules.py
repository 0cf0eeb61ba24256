"""Recurring schedules: make, list, read, delete.

May import codec, L0, the store's protocols and the pool's facade. The message of a schedule is what
`POST /v1/messages` takes; it is checked when the schedule is made, and again at every firing.
"""

from __future__ import annotations

import json

from aiohttp import web

from airpost.clock import Instant, rfc3339
from airpost.errors import InvalidRequest
from airpost.model import uuid7
from airpost.schedule import Schedule, check_cron, next_firing, zone_of
from airpost.services.http.audited import of_owner
from airpost.services.http.body import answer, read_json
from airpost.services.http.compose import REFUSED_MESSAGES, compose
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.operations import Example, operation
from airpost.services.http.people import dialled
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, page_json, read_cursor
from airpost.services.http.schemas import ListQuery, ScheduleIn, read_body, read_query
from airpost.services.http.shapes import keeping as shapes
from airpost.store.people import TooMany
from airpost.tasks import shielded

CURSOR_KIND = "s"
SCHEDULE = "0199e7c0-6b1a-7c3e-9f51-3a2d4e5f6072"  # as it stands in examples


@operation(
    "createSchedule",
    "Send a message again and again",
    body=ScheduleIn,
    answers={201: shapes.Schedule},
    problems=(*REFUSED_MESSAGES, "invalid-schedule", "too-many-schedules"),
    example=Example(
        body={
            "cron": "0 7 * * 1-5",
            "zone": "Europe/Berlin",
            "message": {"to": "+491701234567", "text": "The night shift reported nothing"},
        },
    ),
)
async def create(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/schedules`: 201 and the schedule with its next instant."""
    deps = request.app[DEPS]
    given = read_body(ScheduleIn, await read_json(request))
    schedule = await _schedule(given, caller, deps)
    keep = deps.schedules.add(schedule, deps.settings.max_schedules)
    try:
        await shielded(keep, name=f"schedule {schedule.id}")
    except TooMany as error:
        words = f"an owner has at most {error.most}; max_schedules of [http] allows no more"
        raise Refusal(
            "too-many-schedules", words, extra={"setting": "http.max_schedules"}
        ) from None
    deps.rescheduled()
    return answer(schedule_json(schedule), 201)


async def _schedule(given: ScheduleIn, caller: Caller, deps: HttpDeps) -> Schedule:
    now = deps.clock.now()
    try:
        zone = zone_of(given.zone)
    except ValueError as error:
        raise InvalidRequest("zone", str(error), "invalid-schedule") from None
    try:
        check_cron(given.cron, zone, now)
    except ValueError as error:
        raise InvalidRequest("cron", str(error), "invalid-schedule") from None
    for name in ("send_at", "expires_at"):
        if getattr(given.message, name) is not None:
            words = "is not for a schedule: each message goes when it fires; ttl_s ends it"
            raise InvalidRequest(f"message.{name}", words, "invalid-schedule")
    try:
        compose(await dialled(given.message, caller, deps), caller, deps)
    except InvalidRequest as error:
        where = f"message.{error.field}"
        raise InvalidRequest(where, error.message, error.code, error.setting) from None
    return Schedule(
        id=uuid7(now, deps.rng),
        seq=0,
        owner=caller.owner,
        key_id=caller.key_id,
        cron=given.cron,
        zone=given.zone,
        request=json.dumps(given.message.shown, ensure_ascii=False),
        late_s=given.late_s,
        created_at=now,
        next_at=next_firing(given.cron, zone, now),
    )


@operation(
    "listSchedules",
    "List schedules, oldest first",
    query=ListQuery,
    answers={200: shapes.Schedules},
    example=Example(query={"limit": 10}),
)
async def listing(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/schedules`: a page, oldest first."""
    deps = request.app[DEPS]
    asked = read_query(ListQuery, request.query.items())
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    after = read_cursor(CURSOR_KIND, asked.cursor)
    page = await deps.schedules.page(caller.sees, after, limit)
    return answer(page_json(page, schedule_json, CURSOR_KIND))


@operation(
    "getSchedule",
    "Read a schedule",
    answers={200: shapes.Schedule},
    example=Example(path={"id": SCHEDULE}, after=("createSchedule", {"id": "/id"})),
)
async def one(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/schedules/{id}`."""
    found = await request.app[DEPS].schedules.find(request.match_info["id"], caller.sees)
    if found is None:
        raise _unknown()
    return answer(schedule_json(found))


@operation(
    "deleteSchedule",
    "Delete a schedule; what it has made stays",
    answers={204: None},
    example=Example(path={"id": SCHEDULE}, after=("createSchedule", {"id": "/id"})),
)
async def delete(request: web.Request, caller: Caller) -> web.Response:
    """`DELETE /v1/schedules/{id}`: 204; what it has made stays."""
    deps, id_ = request.app[DEPS], request.match_info["id"]
    found = await deps.schedules.find(id_, caller.cancels)
    if found is None:
        raise _unknown()
    async with of_owner(request, caller, found.owner, "schedule.delete", id_):
        if not await shielded(
            deps.schedules.delete(id_, caller.cancels, caller.actor, deps.clock.now()),
            name="delete schedule",
        ):
            raise _unknown()
    deps.rescheduled()
    return web.Response(status=204)


def schedule_json(schedule: Schedule) -> Json:
    """A schedule; `message` as it was given."""
    return {
        "id": schedule.id,
        "cron": schedule.cron,
        "zone": schedule.zone,
        "message": json.loads(schedule.request),
        "late_s": schedule.late_s,
        "created_at": rfc3339(schedule.created_at),
        "next_at": rfc3339(schedule.next_at),
        "last_at": _time(schedule.last_at),
        "last_message": schedule.last_message,
        "fired": schedule.fired,
        "skipped": schedule.skipped,
        "problem": schedule.problem,
    }


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _unknown() -> Refusal:
    return Refusal("not-found", "there is no such schedule, or it belongs to somebody else")

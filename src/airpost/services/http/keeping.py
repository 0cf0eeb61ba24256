"""The store as a thing to look after: prune, check, back up, forget a number.

May import codec, L0 and the store's protocols. All of it is for admins.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from airpost.codec.address import dialable
from airpost.errors import CodecError, InvalidRequest
from airpost.model import masked
from airpost.numbering import Numbering
from airpost.services.http.audited import begins, changed
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.operations import Example, operation
from airpost.services.http.people import NAMING, number_of
from airpost.services.http.problems import Refusal
from airpost.services.http.schemas import BackupIn, ForgetIn, read_body
from airpost.services.http.shapes import keeping as shapes
from airpost.store.keeping import Forgotten, Keeping
from airpost.tasks import shielded

log = logging.getLogger("airpost.http")


@operation("pruneStore", "Remove what is past its time", answers={200: shapes.Pruned})
async def prune(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/db/prune`: what went, once it has gone."""
    deps = request.app[DEPS]
    log.info("http.prune actor=%s", caller.actor)
    await begins(request, "")
    work = deps.store.keeping.prune(deps.settings.retention, deps.clock.now())
    gone = asdict(await shielded(work, name="prune"))
    changed(request, "", **gone)
    return answer(gone)


@operation("checkStore", "Look for faults in the store", answers={200: shapes.Checked})
async def check(request: web.Request, _caller: Caller) -> web.Response:
    """`POST /v1/db/check`: `{faults, octets, messages}`."""
    found = await request.app[DEPS].store.keeping.check()
    return answer({**asdict(found), "faults": list(found.faults)})


@operation(
    "backUpStore",
    "Copy the store while it works",
    body=BackupIn,
    answers={200: shapes.BackedUp},
    problems=("no-backup",),
    example=Example(body={"path": "/var/backups/airpost.db"}),
)
async def backup(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/db/backup`: `{path, octets, took_s}` once the copy is on disk."""
    path = Path(read_body(BackupIn, await read_json(request)).path)
    if not path.is_absolute():
        raise InvalidRequest("path", "begins with /")
    log.info("http.backup path=%s actor=%s", path, caller.actor)
    await begins(request, str(path))
    work = request.app[DEPS].store.keeping.backup(path)
    try:
        made = await shielded(work, name="backup")
    except ValueError as error:
        raise Refusal("no-backup", str(error)) from None
    changed(request, str(made.path), octets=made.octets)
    return answer({"path": str(made.path), "octets": made.octets, "took_s": made.took_s})


@operation(
    "forgetNumber",
    "Erase what is kept of a number",
    body=ForgetIn,
    answers={200: shapes.Forgotten},
    problems=("number-not-dialable", *NAMING),
    example=Example(body={"number": "+491701234998"}),
)
async def forget(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/db/forget`: `{messages, inbound, under_way}`."""
    number = read_body(ForgetIn, await read_json(request)).number
    log.info("http.forget actor=%s", caller.actor)
    deps = request.app[DEPS]
    number = await number_of(deps, caller, "number", number)
    await begins(request, masked(number))
    work = erase(deps.store.keeping, deps.admission.numbering, number, caller.actor)
    gone = asdict(await shielded(work, name="forget"))
    changed(request, masked(number), **gone)
    return answer(gone)


async def erase(keeping: Keeping, numbering: Numbering, number: str, actor: str) -> Forgotten:
    """Forget a number under each name it may be stored by; InvalidRequest where it is none."""
    messages = inbound = under_way = 0
    for name in spellings(numbering, number):
        gone = await keeping.forget(name, actor)
        messages += gone.messages
        inbound += gone.inbound
        under_way += gone.under_way
    if not (messages or inbound or under_way or _is_number(number)):
        words = "is no number, and no sender of that name is kept"
        raise InvalidRequest("number", words, "number-not-dialable")
    return Forgotten(messages=messages, inbound=inbound, under_way=under_way)


def _is_number(text: str) -> bool:
    try:
        return bool(dialable(text))
    except CodecError:
        return False


def spellings(numbering: Numbering, number: str) -> tuple[str, ...]:
    """As it is dialled, and as given where that differs: networks and older settings may do so.

    A name of letters, which a sender may have, as it is.
    """
    try:
        given = dialable(number)
    except CodecError:
        return (number,)
    return tuple(dict.fromkeys((numbering.read(given).number, given)))

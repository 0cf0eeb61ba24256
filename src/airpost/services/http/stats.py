"""The delivery funnel.

May import codec, L0 and the store's protocols. It counts everybody's messages, for those who see
all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.codec.causes import words_of
from airpost.errors import InvalidRequest
from airpost.services.http.body import answer
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import KINDS
from airpost.services.http.render import Json
from airpost.services.http.schemas import FunnelQuery, read_query
from airpost.services.http.shapes.keeping import Funnel
from airpost.store.keeping import By, FunnelRow

HOUR_US = 3600 * SECOND_US
DEFAULT_US = 24 * HOUR_US
_WORDS = {  # of the reasons that are our own
    "ttl": "its time was over",
    "quota_exhausted": "the quota of the SIM or the key was used up",
    "rate_limited_local": "the recipient had had as many as it may",
    "quiet_hours": "the recipient's hours did not allow it",
    "codec": "it could not be encoded",
    "patience": "the modem gave no answer in time",
    "restart": "airpost ended while it was on the air",
}
_EXPLAINED = ("rejected", "failed_in_queue", "failed", "expired")
_REFUSED_FOR = {  # whatever is not here is a fault of the request, or the service's own
    "blocked": "opt_out",
    "quiet-hours": "quiet_hours",
    **dict.fromkeys(("quota-exhausted", "rate-limited-key", "rate-limited-local",
                     "too-many-waiting", "queue-full"), "limit"),
    **dict.fromkeys(("country-not-allowed", "premium-number", "class-not-allowed",
                     "route-not-allowed"), "risk"),
}  # fmt: skip
_REJECTED = ("validation", "opt_out", "quiet_hours", "limit", "risk", "unavailable")
_TIMED = ("p50_ms", "p95_ms", "p98_7_ms", "p99_ms")


@operation(
    "getFunnel",
    "Show what became of all that was asked for",
    query=FunnelQuery,
    answers={200: Funnel},
    problems=("time-out-of-range",),
    example=Example(query={"by": "class"}),
)
async def funnel(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/stats/funnel`: `{by, since, until, groups, words}`.

    Of the last 24 hours if not told. `words` says what each reason stands for, where that is known.
    """
    deps = request.app[DEPS]
    asked = read_query(FunnelQuery, request.query.items())
    now = deps.clock.now()
    until = now if asked.until is None else asked.until
    since = until - DEFAULT_US if asked.since is None else asked.since
    if since >= until:
        raise InvalidRequest("since", "is not before until", "time-out-of-range")
    # Whole hours: counts of what has gone are kept by the hour.
    begin, end = Instant(since // HOUR_US * HOUR_US), Instant(-(-until // HOUR_US) * HOUR_US)
    rows = await deps.store.keeping.funnel(asked.by, begin, end)
    parts = list(dict.fromkeys(row.part for row in rows))
    return answer(
        {
            "by": None if asked.by is None else asked.by.value,
            "since": rfc3339(begin),
            "until": rfc3339(end),
            "groups": [_group(asked.by, part, [r for r in rows if r.part == part])
                       for part in parts],
            "words": {each: words for each in sorted({row.reason for row in rows})
                      if (words := _words(each)) is not None},
        }
    )  # fmt: skip


def _words(reason: str) -> str | None:
    """Of a code of the network or a modem, a problem type, or a reason of our own."""
    kind = KINDS.get(reason)
    return _WORDS.get(reason) or (words_of(reason) if kind is None else kind.title)


def _group(by: By | None, part: str, rows: Sequence[FunnelRow]) -> Json:
    """One part of the funnel: its name, and each stage by its name."""
    name: str | int = part
    if by is By.HOUR:
        name = rfc3339(Instant(int(part) * HOUR_US))
    elif by is By.PARTS:
        name = int(part)
    found: Json = {"group": name}
    for row in rows:
        if row.reason:
            found[row.stage]["reasons"][row.reason] = row.count
            continue
        stage: Json = {
            "count": row.count,
            "of_previous_pct": row.of_previous_pct,
            "of_requested_pct": row.of_requested_pct,
        }
        if row.stage in _EXPLAINED:
            stage["reasons"] = {}
        if row.p50_ms is not None:
            stage |= {name: getattr(row, name) for name in _TIMED}
        found[row.stage] = stage
    if "rejected" in found:
        found["rejected"]["kinds"] = _kinds(found["rejected"]["reasons"])
    found["dlr_coverage"] = found["dlr_received"]["of_previous_pct"]
    return found


def _kinds(reasons: Mapping[str, int]) -> dict[str, int]:
    """Refusals by what they protect, or who is at fault; each reason counts in one of them."""
    counts = dict.fromkeys(_REJECTED, 0)
    for reason, count in reasons.items():
        known = KINDS.get(reason)
        ours = known is not None and known.status >= 500
        counts[_REFUSED_FOR.get(reason, "unavailable" if ours else "validation")] += count
    return counts

"""What the running service says of itself and its modems, asked over its socket.

May import the command line's client. Nothing here disturbs it: views, counts and traces are reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from airpost.clock import Instant, parse_rfc3339
from airpost.daemon.cli.client import Client, Json, segment
from airpost.daemon.doctor.finding import Finding, error, note, warning
from airpost.daemon.doctor.wire import Wire
from airpost.errors import Refused, Unreachable
from airpost.model import UnitState
from airpost.modem.lifecycle import ASKED_IN

# As the service tells them: where a modem can be asked, and where its port is open.
ASKED_STATES = frozenset(each.value for each in ASKED_IN)
OPEN_STATES = ASKED_STATES | {UnitState.PROBING.value, UnitState.DRAINING.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """`about` None: it does not run, or (`refused`) does not talk to us. `traces` by modem."""

    about: Json | None = None
    refused: str | None = None
    absent: str | None = None
    modems: tuple[Json, ...] = ()
    traces: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """True when somebody answers at its socket."""
        return self.absent is None

    def wire(self, name: str) -> Wire:
        """The trace of one modem for the checks."""
        return tuple((each["way"], each["text"]) for each in self.traces.get(name, ()))

    def since(self, modem: Json) -> Instant:
        """When the modem came into its state."""
        return parse_rfc3339(modem["since"])


def service_facts(client: Client) -> ServiceFacts:
    """Ask; never raises for a service that is not there or refuses."""
    try:
        about = client.get("/v1/doctor")
        modems = tuple(client.get("/v1/modems")["items"])
        traces = {
            each["name"]: tuple(client.get(f"/v1/modems/{segment(each['name'])}/trace")["items"])
            for each in modems
        }
    except Unreachable as problem:
        return ServiceFacts(absent=problem.message)
    except Refused as problem:
        return ServiceFacts(refused=problem.message)
    return ServiceFacts(about=about, modems=modems, traces=traces)


def _recovery(by_model: Json) -> Iterator[Finding]:
    """What each means of recovery has brought here, for whoever chooses modems."""
    for model, rungs in by_model.items():
        told = "; ".join(f"{rung}: {words}" for rung, words in rungs.items())
        yield note("recovery", model, told)


def check_service(service: ServiceFacts) -> Iterator[Finding]:
    """Does it run, and can it store?"""
    if service.absent is not None:
        yield warning(
            "service",
            "airpost",
            f"is not running ({service.absent})",
            "sudo systemctl start airpost && sudo journalctl -u airpost -n 20 --no-pager",
        )
    elif service.refused is not None:
        yield warning(
            "service",
            "airpost",
            f"runs, and does not let this user ask ({service.refused}): its modems were not looked "
            "at",
            "sudo airpost doctor",
        )
    elif service.about is not None:
        yield note("service", "airpost", f"version {service.about['version']} is running")
        yield from _recovery(service.about["recovery"])
        blocked = service.about["store"]["unavailable"]
        if blocked is not None:
            yield error("store", "airpost", f"takes no messages: {blocked}")
        if not service.modems:
            yield error("modem", "airpost", "has no modem: name one under [[modem]]")
        yield from _limits(service.modems)


_SHORT = ("burst", "minute")  # limits that come and go


def _limits(modems: Sequence[Json]) -> Iterator[Finding]:
    """SIMs that nothing keeps from being sent too much with, and such that are used up."""
    free = [each["name"] for each in modems if each["limits"] is None]
    if free:
        told = "runs its SIM" if len(free) == 1 else "run their SIMs"
        yield note("limits", ", ".join(free), f"{told} without a limit; docs/LIMITS.md tells more")
    for each in modems:
        limits = each["limits"]
        for use in () if limits is None else limits["uses"]:
            if use["used"] >= use["of"] - use["reserved"] and use["limit"] not in _SHORT:
                told = f"has used up its SIM's {use['of']} ({use['limit']})"
                if use["left"]:
                    told += f" but {use['reserved']} kept for otp and alarm"
                until = f" until {use['resets_at']}" if use["resets_at"] else ""
                yield warning("limits", each["name"], f"{told}: messages wait{until}")

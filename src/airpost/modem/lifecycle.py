"""Where a modem is and what comes next: states as a table, deadlines and sentences.

May import model. Pure: no time passes here and nothing is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from airpost.model import UnitState


class UnitEvent(Enum):
    """What can happen to a unit."""

    PATH_FOUND = "path_found"
    PATH_GONE = "path_gone"
    OPENED = "opened"
    FAILED = "failed"  # the port, the probe or a command gave up: try again after a wait
    REOPEN = "reopen"  # by our own wish: nothing has failed
    IDENTIFIED = "identified"
    SIM_READY = "sim_ready"
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    IMPAIRED = "impaired"  # it sends, but something needs a person's eye
    WELL = "well"
    SIM_GONE = "sim_gone"
    WAITED = "waited"
    STOP = "stop"
    STOPPED = "stopped"
    GAVE_UP = "gave_up"  # nothing of the ladder has helped
    CRASHED = "crashed"  # our own code, again and again


_S, _E = UnitState, UnitEvent
_ANY_TIME: Mapping[UnitEvent, UnitState] = {
    _E.FAILED: _S.COOLDOWN,
    _E.REOPEN: _S.OPENING,
    _E.GAVE_UP: _S.QUARANTINED,
    _E.PATH_GONE: _S.ABSENT,
    _E.STOP: _S.DRAINING,
    _E.CRASHED: _S.QUARANTINED,
}

UNIT: Mapping[UnitState, Mapping[UnitEvent, UnitState]] = {
    _S.ABSENT: {_E.PATH_FOUND: _S.OPENING, _E.STOP: _S.DRAINING, _E.CRASHED: _S.QUARANTINED},
    _S.OPENING: {**_ANY_TIME, _E.OPENED: _S.PROBING},
    _S.PROBING: {**_ANY_TIME, _E.IDENTIFIED: _S.SIM},
    _S.SIM: {**_ANY_TIME, _E.SIM_READY: _S.REGISTERING},
    _S.REGISTERING: {
        **_ANY_TIME,
        _E.REGISTERED: _S.READY,
        _E.SIM_GONE: _S.SIM,
    },
    _S.READY: {
        **_ANY_TIME,
        _E.UNREGISTERED: _S.REGISTERING,
        _E.IMPAIRED: _S.DEGRADED,
        _E.SIM_GONE: _S.SIM,
    },
    _S.DEGRADED: {
        **_ANY_TIME,
        _E.UNREGISTERED: _S.REGISTERING,
        _E.WELL: _S.READY,
        _E.SIM_GONE: _S.SIM,
    },
    _S.DRAINING: {_E.STOPPED: _S.ABSENT},
    _S.COOLDOWN: {
        _E.WAITED: _S.OPENING,
        _E.GAVE_UP: _S.QUARANTINED,
        _E.PATH_GONE: _S.ABSENT,
        _E.STOP: _S.DRAINING,
        _E.CRASHED: _S.QUARANTINED,
    },
    _S.QUARANTINED: {
        _E.WAITED: _S.OPENING,
        _E.PATH_GONE: _S.ABSENT,
        _E.STOP: _S.DRAINING,
    },
}

# How long a state may last before `FAILED`; the others wait for the world as long as it takes.
DEADLINE_S: Mapping[UnitState, float] = {
    _S.OPENING: 15.0,  # above the port's own limit
    _S.PROBING: 90.0,  # modems that boot answer after 40 s at the latest
}

SENTENCES: Mapping[UnitState, str] = {
    _S.ABSENT: "there is no port {port}; plug the modem in, or correct `port`",
    _S.OPENING: "opening {port}",
    _S.PROBING: "asking who it is",
    _S.SIM: "waiting for the SIM",
    _S.REGISTERING: "waiting for the network",
    _S.READY: "ready",
    _S.DEGRADED: "sends, but needs attention",
    _S.DRAINING: "finishing what is on the air",
    _S.COOLDOWN: "failed; tried again by itself",
    _S.QUARANTINED: "out of service; nothing has helped so far",
}

# Where somebody at the other end is known to be in step.
ASKED_IN = frozenset({_S.SIM, _S.REGISTERING, _S.READY, _S.DEGRADED})

ABSENT_LOOK_S = 1.0  # a path that is not there is looked for at this pace for ever


def advance(state: UnitState, event: UnitEvent) -> UnitState:
    """The state after `event`; the same where the table has no such move.

    What happens to a modem cannot be refused: a line that comes too late changes nothing.
    """
    return UNIT[state].get(event, state)


def sentence(state: UnitState, port: str, missing: str | None = None) -> str:
    """What is the case, for people, where nothing better is known.

    `missing` is what to say of a modem that was to be found by something else than a port.
    """
    if state is UnitState.ABSENT and missing is not None:
        return missing
    return SENTENCES[state].format(port=port)

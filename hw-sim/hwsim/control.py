"""Remote control: one JSON object a line over a Unix socket, one answer a line.

Stdlib, hwsim, airpost.errors and airpost.codec. A request is {"do": NAME, …}; the answer is
{"ok": true, "result": …} or {"ok": false, "error": "…"}.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from airpost.codec.address import Address
from airpost.errors import CodecError
from hwsim.catalogue import CATALOGUE, KINDS
from hwsim.handset import Handset
from hwsim.modem import SimModem
from hwsim.pool import SimPool

SOCKET_NAME = "control.sock"
SOCKET_OCTETS = 107  # what the kernel takes for the path of a Unix socket
LINE_OCTETS = 1_000_000
REFUSALS = range(64, 128)  # TP-ST of final failures, TS 23.040 9.2.3.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One request: its parameters in order (those in `optional` may be left out), and its work."""

    text: str
    run: Callable[[SimPool, Mapping[str, Any]], Any]
    params: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def _modem(pool: SimPool, request: Mapping[str, Any]) -> SimModem:
    return pool.modem(str(request["modem"]))


def _params(request: Mapping[str, Any]) -> dict[str, Any]:
    params = request.get("params", {})
    if not isinstance(params, dict):
        raise TypeError("params must be an object")
    return params


def _modems(pool: SimPool, _request: Mapping[str, Any]) -> Any:
    return [
        {
            "name": modem.name,
            "port": str(modem.port),
            "device": modem.pty.device,
            "ports": _ports(modem),
            "plugged": modem.plugged,
            "personality": modem.personality.name,
            "imei": modem.imei,
            "iccid": modem.card.iccid,
            "number": modem.number,
            "sim": modem.sim_status(),
            "registration": modem.radio.stat,
            "faults": sorted(modem.faults.active()),
        }
        for modem in pool.modems
    ]


def _ports(modem: SimModem) -> list[dict[str, Any]]:
    """Where the USB tree has its ports; empty where there is none."""
    stick = modem.power.stick
    if stick is None:
        return []
    roles = {interface: role for interface, role, _ in modem.personality.usb_ports}
    return [
        {"path": str(port.path), "tty": port.tty, "interface": port.interface,
         "role": roles[port.interface], "usb": stick.name}
        for port in stick.ports
    ]  # fmt: skip


def _plug(pool: SimPool, request: Mapping[str, Any]) -> Any:
    _modem(pool, request).plug()


def _unplug(pool: SimPool, request: Mapping[str, Any]) -> Any:
    _modem(pool, request).unplug()


def _restart(pool: SimPool, request: Mapping[str, Any]) -> Any:
    _modem(pool, request).restart()


def _faults(pool: SimPool, request: Mapping[str, Any]) -> Any:
    if "modem" not in request:
        return {name: {"text": kind.text, **kind.params} for name, kind in KINDS.items()}
    return {name: asdict(fault) for name, fault in _modem(pool, request).faults.active().items()}


def _catalogue(_pool: SimPool, _request: Mapping[str, Any]) -> Any:
    return [
        {"number": number, "name": name, "how": KINDS[name].how.value, "text": KINDS[name].text,
         "params": {**KINDS[name].params, **KINDS[name].preset}}
        for number, name in CATALOGUE.items()
    ]  # fmt: skip


def _fault(pool: SimPool, request: Mapping[str, Any]) -> Any:
    params = _params(request)
    return asdict(_modem(pool, request).faults.set(str(request["name"]), **params))


def _clear(pool: SimPool, request: Mapping[str, Any]) -> Any:
    name = request.get("name")
    _modem(pool, request).faults.clear(None if name is None else str(name))


def _urc(pool: SimPool, request: Mapping[str, Any]) -> Any:
    _modem(pool, request).urc(str(request["line"]))


def _inject(pool: SimPool, request: Mapping[str, Any]) -> Any:
    modem = _modem(pool, request)
    modem.emit(str(request["text"]).encode("latin-1", "replace"))


def _replay(pool: SimPool, request: Mapping[str, Any]) -> Any:
    steps = request["steps"]
    if not isinstance(steps, list):
        raise TypeError("steps must be a list")
    _modem(pool, request).replay(steps)


def _pin(pool: SimPool, request: Mapping[str, Any]) -> Any:
    modem, pin = _modem(pool, request), str(request["pin"])
    if pin and not re.fullmatch(r"[0-9]{4,8}", pin):
        raise ValueError(f"a PIN has 4 to 8 digits, not {pin!r}; an empty one unlocks")
    modem.card.lock(pin or None)
    modem.registration_changed()


def _phone(pool: SimPool, request: Mapping[str, Any]) -> Handset:
    number = str(request["number"])
    if not number:
        raise ValueError("number is empty")
    Address.from_number(number).build()  # a CodecError tells what no message could come from
    return pool.handset(number)


def _inbox(pool: SimPool, request: Mapping[str, Any]) -> Any:
    handsets = [_phone(pool, request)] if "number" in request else pool.network.handsets()
    return [
        {
            "number": each.number,
            "from": message.sender,
            "text": message.text,
            "data": None if message.data is None else message.data.hex(),
            "parts": message.parts,
            "at_s": round(message.at_s, 6),
        }
        for each in handsets
        for message in each.inbox
    ]


def _reply(pool: SimPool, request: Mapping[str, Any]) -> Any:
    handset = _phone(pool, request)
    text = str(request["text"])
    parts = handset.send(str(request["to"]), text) if "to" in request else handset.reply(text)
    return {"parts": parts}


def _handset(pool: SimPool, request: Mapping[str, Any]) -> Any:
    handset, state = _phone(pool, request), str(request["state"])
    if state in ("on", "off"):
        handset.refusal = None
        (handset.on if state == "on" else handset.off)()
    elif state.isdecimal() and int(state) in REFUSALS:
        handset.refusal = int(state)
        pool.network.available(handset.number)
    else:
        raise ValueError(
            f"state is on, off, or the TP-ST (64 to 127) it refuses everything with, not {state}"
        )
    return {"waiting": pool.network.waiting(handset.number)}


def _counts(pool: SimPool, _request: Mapping[str, Any]) -> Any:
    return {
        modem.name: {
            "commands": dict(modem.counts.most_common()),
            "sent": sum(each.mr is not None for each in modem.sends),
            "tx_bytes": modem.pty.tx_bytes,
            "rx_bytes": modem.pty.rx_bytes,
        }
        for modem in pool.modems
    }


def _never(pool: SimPool, _request: Mapping[str, Any]) -> Any:
    return {
        modem.name: {
            **asdict(modem.records.never),
            "opens": modem.records.opens,
            "resets": len(modem.records.resets),
            "resets_in_the_worst_hour": modem.records.worst_hour(),
        }
        for modem in pool.modems
    }


def _ussd(pool: SimPool, request: Mapping[str, Any]) -> Any:
    modem, code, text = _modem(pool, request), str(request["code"]), str(request["text"])
    if text:
        modem.ussd[code] = text
    else:
        modem.ussd.pop(code, None)


def _power(pool: SimPool, request: Mapping[str, Any]) -> Any:
    modem, state = _modem(pool, request), str(request["state"])
    if state not in ("on", "off"):
        raise ValueError(f"state is on or off, not {state}")
    (modem.power.restore if state == "on" else modem.power.cut)()


NETWORK_SETTINGS: Mapping[str, tuple[type, float, float]] = {
    "air_s": (float, 0, math.inf), "report_delay_s": (float, 0, math.inf),
    "latency_s": (float, 0, math.inf), "retry_s": (float, 1, math.inf), "loss": (float, 0, 1),
    "report_loss": (float, 0, 1), "early_reports": (bool, 0, 1), "interim_reports": (bool, 0, 1),
    "zone_quarters": (int, -48, 56),
}  # fmt: skip
"""What each is, and the least and the most it may be."""


def _network_value(name: str, value: Any) -> Any:
    if name not in NETWORK_SETTINGS:
        raise ValueError(f"no setting is called {name}; there are {', '.join(NETWORK_SETTINGS)}")
    kind, low, high = NETWORK_SETTINGS[name]
    if name == "air_s" and value is None:
        return None
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, not {value!r}")
        return value
    fits = isinstance(value, int) or (kind is float and isinstance(value, float))
    if isinstance(value, bool) or not fits:
        raise ValueError(f"{name} must be a number, not {value!r}")
    if not low <= value <= high:
        most = "" if high == math.inf else f" and at most {high}"
        raise ValueError(f"{name} must be at least {low}{most}, not {value}")
    return value


def _set_network(pool: SimPool, request: Mapping[str, Any]) -> Any:
    values = {name: _network_value(name, value) for name, value in _params(request).items()}
    for name, value in values.items():  # all or none
        setattr(pool.network, name, value)
    return {name: getattr(pool.network, name) for name in NETWORK_SETTINGS}


def _time(pool: SimPool, _request: Mapping[str, Any]) -> Any:
    network = pool.network
    return {"loop_s": round(network.now_s(), 6), "calendar_us": network.now_us()}


VERBS: Mapping[str, Verb] = {
    "modems": Verb(text="every modem with its port and state", run=_modems),
    "plug": Verb(text="put a modem on the bus", run=_plug, params=("modem",)),
    "unplug": Verb(text="pull a modem out", run=_unplug, params=("modem",)),
    "restart": Verb(text="restart a modem in place", run=_restart, params=("modem",)),
    "faults": Verb(text="all faults there are, or those set on a modem", run=_faults,
                   params=("modem",), optional=("modem",)),
    "catalogue": Verb(text="the numbered faults", run=_catalogue),
    "fault": Verb(text="set a fault: NAME=VALUE parameters follow", run=_fault,
                  params=("modem", "name")),
    "clear": Verb(text="clear one fault, or all", run=_clear, params=("modem", "name"),
                  optional=("name",)),
    "urc": Verb(text="let a modem say a line of its own", run=_urc, params=("modem", "line")),
    "inject": Verb(text="let a modem send these characters and nothing around them", run=_inject,
                   params=("modem", "text")),
    "replay": Verb(text="play a recorded dialogue back, from a file of JSON (and its ID there)",
                   run=_replay, params=("modem", "steps", "id"), optional=("id",)),
    "pin": Verb(text="lock a card with a PIN; an empty one unlocks", run=_pin,
                params=("modem", "pin")),
    "power": Verb(text="switch the power of a modem's hub port on or off", run=_power,
                  params=("modem", "state")),
    "ussd": Verb(text="let a modem's card answer a USSD code with this; an empty text: as before",
                 run=_ussd, params=("modem", "code", "text")),
    "inbox": Verb(text="messages of one handset, or of all", run=_inbox, params=("number",),
                  optional=("number",)),
    "reply": Verb(text="write from a handset, to whoever wrote last or to a number", run=_reply,
                  params=("number", "text", "to"), optional=("to",)),
    "handset": Verb(text="switch a handset on or off, or let it refuse with a TP-ST", run=_handset,
                    params=("number", "state")),
    "network": Verb(text="show or change the network: NAME=VALUE parameters follow",
                    run=_set_network),
    "counts": Verb(text="commands, sent segments and bytes of every modem", run=_counts),
    "never": Verb(text="what hosts may never do, counted; opens and resets", run=_never),
    "time": Verb(text="loop time and the simulated calendar", run=_time),
}  # fmt: skip


def _perform(pool: SimPool, line: str) -> Any:
    request = json.loads(line)
    if not isinstance(request, dict):
        raise TypeError("a request is an object")
    verb = VERBS.get(str(request.get("do")))
    if verb is None:
        raise ValueError(f"do one of: {', '.join(VERBS)}")
    missing = [p for p in verb.params if p not in verb.optional and p not in request]
    if missing:
        raise ValueError(f"{request['do']} needs {', '.join(missing)}")
    return verb.run(pool, request)


def answer(pool: SimPool, line: str) -> dict[str, Any]:
    """The answer to one request line; never raises for a bad request."""
    try:
        return {"ok": True, "result": _perform(pool, line)}
    except (ValueError, TypeError, CodecError) as error:
        return {"ok": False, "error": str(error)}


class _Connection(asyncio.Protocol):
    """One client; any number of requests."""

    def __init__(self, pool: SimPool) -> None:
        self._pool = pool
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line.strip():
                said = answer(self._pool, line.decode("utf-8", "replace"))
                self._transport.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")
        if len(self._buffer) > LINE_OCTETS:
            self._transport.abort()


class Control:
    """The socket `directory`/control.sock of a started pool."""

    def __init__(self, pool: SimPool) -> None:
        self.path: Path = pool.directory / SOCKET_NAME
        self._pool = pool
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a socket left behind is replaced. OSError when the path is too long for one."""
        if len(os.fsencode(self.path)) > SOCKET_OCTETS:
            raise OSError(
                f"{self.path} is longer than the {SOCKET_OCTETS} bytes a socket may have; "
                "name a folder with a shorter path"
            )
        self.path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Connection(self._pool), self.path)
        self.path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.path.unlink(missing_ok=True)

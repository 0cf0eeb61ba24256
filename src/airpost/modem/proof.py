"""What kind of port this is, by asking it: the AT port of a modem, or one that only looks like it.

May import at, codec, L0, devices, driver, identity and port. Asks nothing that changes a modem and
is done within `PROOF_S`. What a modem can do the driver asks later, in a session; here answers may
be missing, nonsense, or come from no modem at all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from airpost.at import command, replies
from airpost.at.channel import ESC, Channel
from airpost.at.command import Command
from airpost.at.events import FinalKind, Reply
from airpost.at.replies import SimStatus
from airpost.errors import PortBusy, PortError, PortLost, PortRefused
from airpost.modem.devices import PortInfo
from airpost.modem.driver import SIM_ERRORS
from airpost.modem.identity import clean_iccid, clean_imei
from airpost.modem.port import PortSettings, open_port
from airpost.tasks import spawn, stop

PROOF_S = 25.0  # for one port, opening and closing aside
SIM_BUSY_S = 1.0
SIM_TRIES = 3  # what a SIM waits for is believed, where it tells no number
SETTLED = frozenset({SimStatus.SIM_PIN, SimStatus.SIM_PUK, SimStatus.NOT_INSERTED})
TRIES = 9  # a modem on a UART misses the first characters, one that starts all of them at first
PACE = 3  # questions within the limit of one: who starts is heard soon after
LAST_TRIES = 2  # of a port that was silent, when another one of the same modem has answered
AGAIN = 3  # of the question for the IMEI, where a modem answers and has not told it
NEXT_S = 1.0  # of silence until the other ports are asked beside it
HEARD_OCTETS = 4096

NMEA = re.compile(rb"\$(G[ABLNPQ]|BD|QZ)[A-Z]{3},")  # NMEA 0183: talker, sentence
TEXT = bytes((*range(0x20, 0x7F), 0x09, 0x0A, 0x0D))
OWN_ERRORS = frozenset({FinalKind.CME, FinalKind.CMS})  # no parrot has them
BINARY_PART = 0.3
BINARY_OCTETS = 4  # fewer are a disturbed line


class Finding(Enum):
    """What a port is."""

    AT = "at"
    PARROT = "parrot"  # OK, or ERROR, to everything
    NMEA = "nmea"
    DIAG = "diag"
    SILENT = "silent"
    OTHER = "other"  # it talks, and never answers
    BUSY = "busy"
    REFUSED = "refused"
    LOST = "lost"


UNHEARD = (Finding.SILENT, Finding.OTHER)  # what a modem is that was starting: its first lines too
SENTENCES = {
    Finding.AT: "a modem answers",
    Finding.PARROT: "answers the same to everything: not the AT port",
    Finding.NMEA: "tells positions: not the AT port",
    Finding.DIAG: "sends binary data: a diagnostics port, or a UART at another rate",
    Finding.SILENT: "answers nothing: not the AT port, or a modem without power or hung",
    Finding.OTHER: "sends text and answers no AT command: another device, or another rate",
}
NO_IMEI = "a modem answers, but does not tell its IMEI"
HUNG = "answered AT and nothing after it: a modem that hangs, or another program reads its answers"
ECHO = "gives back what it is sent: nothing is connected behind the adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found at `path`; `sentence` for people. `imei` None also where a modem hides it."""

    path: str
    finding: Finding
    sentence: str
    imei: str | None = None

    @property
    def is_at_port(self) -> bool:
        """True when a modem can be used through it."""
        return self.finding is Finding.AT


async def prove(path: str, settings: PortSettings | None = None, *, tries: int = TRIES) -> Proof:
    """Open `path`, ask it, close it again. Never raises for what the port is or does."""
    ear = _Ear()
    try:
        transport = await open_port(path, ear, settings)
    except PortError as error:
        return Proof(path=path, finding=_kept_out(error), sentence=error.reason)
    ear.attach(transport)
    try:
        return await _questioned(path, ear, tries)
    except PortLost as error:
        return Proof(path=path, finding=Finding.LOST, sentence=error.reason)
    finally:
        transport.abort()
        await ear.closed.wait()


async def prove_first(
    ports: Iterable[PortInfo], settings: PortSettings | None = None
) -> list[Proof]:
    """Prove ports, the likeliest first, until one tells its IMEI; the AT port is the last.

    A port that is silent holds up no other. Where several answer the likeliest is it, also when
    none tells its IMEI; no AT port at all leaves the order.
    """
    asking: list[asyncio.Task[Proof]] = []
    try:
        await _asked(list(ports), settings, asking)
        proofs = [each.result() for each in asking if each.done()]
        told = next((proof for proof in proofs if proof.imei is not None), None)
        if told is not None:
            return await _likelier(asking, told, settings)
    finally:
        for each in asking:
            await stop(each)
    likeliest = next((proof for proof in proofs if proof.is_at_port), None)
    if likeliest is not None:
        proofs.remove(likeliest)
        proofs.append(likeliest)
    return proofs


async def _asked(
    ports: list[PortInfo], settings: PortSettings | None, asking: list[asyncio.Task[Proof]]
) -> None:
    """Until one has told its IMEI, or all have been asked."""
    silent = False
    while ports or not all(each.done() for each in asking):
        while ports:
            path = ports.pop(0).path
            asking.append(spawn(prove(path, settings), name=f"proof {path}"))
            if not silent:
                break
        under_way = [each for each in asking if not each.done()]
        done, _ = await asyncio.wait(
            under_way, timeout=NEXT_S if ports else None, return_when=asyncio.FIRST_COMPLETED
        )
        silent = not done
        if any(each.result().imei is not None for each in done):
            return


async def _likelier(
    asking: list[asyncio.Task[Proof]], told: Proof, settings: PortSettings | None
) -> list[Proof]:
    """The proofs up to `told`, or up to one before it that was silent while the modem started."""
    proofs: list[Proof] = []
    for each in asking:
        if not each.done():
            await asyncio.wait([each], timeout=LAST_TRIES * NEXT_S)
        if not each.done():
            continue
        proof = each.result()
        if proof is not told and proof.finding in UNHEARD:
            proof = await prove(proof.path, settings, tries=LAST_TRIES)
        proofs.append(proof)
        if proof.imei is not None:
            break
    return proofs


@dataclass(frozen=True, slots=True, kw_only=True)
class SimSeen:
    """Its number, or else what it waits for; neither where nothing was told in time."""

    iccid: str | None = None
    status: SimStatus | None = None


class PortQuestions:
    """Asks ports with one line's settings; nothing stays open."""

    def __init__(self, settings: PortSettings) -> None:
        self._settings = settings

    async def prove_first(self, ports: Iterable[PortInfo]) -> list[Proof]:
        """See the function of that name."""
        return await prove_first(ports, self._settings)

    async def sim(self, path: str) -> SimSeen:
        """The SIM behind the AT port `path`, as far as it is told in time."""
        ear = _Ear()
        try:
            transport = await open_port(path, ear, self._settings)
        except PortError:
            return SimSeen()
        ear.attach(transport)
        try:
            async with asyncio.timeout(PROOF_S):
                return await _sim(ear)
        except (PortLost, TimeoutError):
            return SimSeen()
        finally:
            transport.abort()
            await ear.closed.wait()


async def _sim(ear: _Ear) -> SimSeen:
    """Asked again and again: a SIM that has just been powered is busy for some seconds."""
    await ear.ask(command.AT, first=ESC + b"\r")
    clear = 0
    while True:
        for question in (command.ICCID, *command.ICCID_OTHERWISE):
            reply = await ear.ask(question)
            told = None if reply is None else clean_iccid(replies.iccid(reply.lines) or "")
            if told is not None:
                return SimSeen(iccid=told)
        status = _status(await ear.ask(command.PIN_STATE, limit_s=SIM_BUSY_S))
        clear = clear + 1 if status in SETTLED else 0
        if clear == SIM_TRIES:
            return SimSeen(status=status)
        await asyncio.sleep(SIM_BUSY_S)


def _status(reply: Reply | None) -> SimStatus | None:
    if reply is None:
        return None
    return replies.sim_status(reply.lines) or SIM_ERRORS.get(reply.final.code or 0)


def _kept_out(error: PortError) -> Finding:
    if isinstance(error, PortBusy):
        return Finding.BUSY
    return Finding.REFUSED if isinstance(error, PortRefused) else Finding.LOST


class _Ear(asyncio.Protocol):
    """Asks one command at a time and keeps what it heard, text or not."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.heard = bytearray()
        self.asked = bytearray()
        self._channel = Channel()
        self._came = asyncio.Event()
        self._error: Exception | None = None
        self._transport: asyncio.WriteTransport | None = None

    def attach(self, transport: asyncio.WriteTransport) -> None:
        """Through what is asked from now on."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes from whatever it is."""
        room = HEARD_OCTETS - len(self.heard)
        self.heard += data[:room]
        self._channel.receive_data(data)
        self._came.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The port is closed."""
        self._error = exc
        self.closed.set()
        self._came.set()

    async def ask(
        self, question: Command, *, first: bytes = b"", limit_s: float | None = None
    ) -> Reply | None:
        """Its answer; None when none came within `limit_s`, else the command's. PortLost."""
        assert self._transport is not None
        self._channel = Channel()  # nothing here depends on answers that come late
        octets = first + self._channel.send(question)
        self.asked += octets
        self._transport.write(octets)
        try:
            async with asyncio.timeout(limit_s or question.timeout_s):
                return await self._reply()
        except TimeoutError:
            return None

    async def _reply(self) -> Reply:
        while True:
            self._came.clear()
            while (event := self._channel.next_event()) is not None:
                if isinstance(event, Reply):
                    return event
            if self.closed.is_set():
                raise self._error if isinstance(self._error, PortLost) else PortLost("", "closed")
            await self._came.wait()


async def _questioned(path: str, ear: _Ear, tries: int) -> Proof:
    limit_s = command.AT.timeout_s / PACE
    try:
        async with asyncio.timeout(PROOF_S):
            for asked in range(1, tries + 1):
                if await ear.ask(command.AT, first=ESC + b"\r", limit_s=limit_s) is not None:
                    return await _told(path, ear, asked)
                if _is_clear(ear.heard):
                    break
    except TimeoutError:
        pass  # judged by what was heard until then
    finding = _judged(ear.heard)
    echo = finding is Finding.OTHER and ear.asked.startswith(ear.heard)
    return Proof(path=path, finding=finding, sentence=ECHO if echo else SENTENCES[finding])


async def _told(path: str, ear: _Ear, tries: int) -> Proof:
    """Something answered: is it a modem? `tries` answers may come that are for an earlier AT."""
    reply, imei = await _imei(ear, tries + 1)
    if imei is not None:
        return Proof(path=path, finding=Finding.AT, imei=imei, sentence=SENTENCES[Finding.AT])
    # Some tell nothing before the SIM is open; these questions they answer all the same.
    more = [await ear.ask(question) for question in (command.PIN_STATE, command.PROBE)]
    answers = [each for each in (reply, *more) if each is not None]
    has_own_lines = any(each is not None and each.lines for each in more)
    if has_own_lines or any(each.final.kind in OWN_ERRORS for each in answers):
        left = AGAIN if reply is None or reply.final.ok else 0  # else it has refused to tell it
        while imei is None and left > 0:
            left -= 1
            _, imei = await _imei(ear, 1)
        sentence = NO_IMEI if imei is None else SENTENCES[Finding.AT]
        return Proof(path=path, finding=Finding.AT, imei=imei, sentence=sentence)
    if not answers:
        return Proof(path=path, finding=Finding.SILENT, sentence=HUNG)
    return Proof(path=path, finding=Finding.PARROT, sentence=SENTENCES[Finding.PARROT])


async def _imei(ear: _Ear, tries: int) -> tuple[Reply | None, str | None]:
    """The last answer to the question for the IMEI, and the IMEI where one was told."""
    reply = None
    for _ in range(tries):
        reply = await ear.ask(command.IMEI)
        imei = clean_imei(replies.imei(reply.lines) or "") if reply is not None else None
        if imei is not None or reply is None or not reply.final.ok:
            return reply, imei
    return reply, None


def _is_clear(heard: bytes | bytearray) -> bool:
    """True when asking again could only tell the same."""
    return _is_binary(heard) or NMEA.search(heard) is not None


def _is_binary(heard: bytes | bytearray) -> bool:
    strange = len(heard.translate(None, TEXT))
    return strange >= BINARY_OCTETS and strange > BINARY_PART * len(heard)


def _judged(heard: bytes | bytearray) -> Finding:
    if NMEA.search(heard):
        return Finding.NMEA
    if _is_binary(heard):
        return Finding.DIAG
    return Finding.OTHER if heard.strip() else Finding.SILENT

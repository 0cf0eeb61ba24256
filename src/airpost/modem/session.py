"""One opening of one port: the channel, the transport, and whose turn it is.

May import at, codec, L0 and port. Single use: a lost session is thrown away, and when to open again
the unit decides. One command is on the wire at a time, by priority; the wire is traced; after a
limit has passed nothing is sent before the modem is proved to be in step again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from airpost.at.channel import ESC, Channel, State
from airpost.at.command import AT, PROBE, Command, Priority
from airpost.at.events import Dropped, Event, Late, Noise, Reply, Resynced, Stuck, Urc, WriteNow
from airpost.errors import CommandTimeout, Desynced, PortError, PortLost
from airpost.modem.bell import Bell
from airpost.modem.port import PortSettings, PortTransport, open_port
from airpost.modem.refusals import failed
from airpost.modem.trace import Trace
from airpost.modem.turns import Turns
from airpost.modem.wakes import wakes

log = logging.getLogger("airpost.session")

PROBES = 3
PROBE_S = 4.0  # between probes; a modem that is in step answers within 0.3 s
HALF_S = 2.0  # for the second line of +CMT and +CDS (`modems.md` fault 6)
OPTIONAL_FINAL_S = 2.0  # for an OK that some modems leave out
WAKE_TRIES = 6  # modems on a UART miss the first characters while they find the rate
WAKE_S = 3.0
DOZE_S = 20.0  # a modem that saves power falls asleep after so long at the earliest
ROUSE_S = 0.2  # from what wakes it until it hears

# Where something was heard, and no answer: those of others, or half of our own.
NOT_ALONE = (
    "it says something: another program (ModemManager, a getty) may use this port too, "
    "or characters are lost on the line"
)

DialogueEvent = Reply | WriteNow | Dropped | Stuck | Resynced


class Session(asyncio.Protocol):
    """Usable from `open()` until `lost`; `urc` and `late` are called on the loop.

    `probed` is told when a modem that left a command unanswered was asked: after how many seconds
    it was in step again, None when it was not. `guard_s` lie between the end of a turn and the next
    command: some modems lose what is written at once.
    """

    def __init__(
        self,
        path: str,
        trace: Trace,
        *,
        urc: Callable[[Urc], None],
        late: Callable[[Late], None],
        probed: Callable[[float | None], None] = lambda _took_s: None,
        guard_s: float = 0.0,
    ) -> None:
        self.path = path
        self.unanswered = False  # it was lost because nobody answers any more
        self.noise = 0
        self.lost = asyncio.Event()
        self.error: PortError | None = None  # why it was lost
        self._trace = trace
        self._urc = urc
        self._late = late
        self._probed = probed
        self._guard_s = guard_s
        self._rested_at_s = 0.0  # when the next command may be written, in loop time
        self._heard_s = 0.0  # when something last came, in loop time
        self._begun_s = 0.0  # when the newest command was written
        self._dozes = False  # it has missed the first command after a pause
        self._channel = Channel()
        self._transport: PortTransport | None = None
        self._events: deque[DialogueEvent] = deque()
        self._at_prompt: Callable[[], bool] | None = None
        self._bell = Bell()  # for whoever waits in `event()`
        self._half_timer: asyncio.TimerHandle | None = None
        self._unwanted = False
        self._doubted = False  # answers may belong to earlier commands
        self._turns = Turns()

    # -- life ------------------------------------------------------------------------------------
    async def open(self, settings: PortSettings) -> None:
        """Open the port; PortBusy or PortLost say why not and what to do."""
        self._heard_s = asyncio.get_running_loop().time()
        self._transport = await open_port(self.path, self, settings)
        self._trace.note("opened")
        if self._unwanted:  # closed while it was being opened
            await self.close()
            self._check_open()

    async def close(self) -> None:
        """Close the port and wait until it is closed; one that is being opened closes itself."""
        self._unwanted = True
        if self._transport is not None:
            self._transport.abort()
            await self.lost.wait()

    def abort(self, reason: str) -> None:
        """Give the connection up because of what the modem did; also one that is being opened."""
        self._unwanted = True
        if self.error is None:
            self.error = PortLost(self.path, reason)
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The port is closed."""
        if self.error is None:
            self.error = exc if isinstance(exc, PortError) else PortLost(self.path, "closed")
        self._trace.note(f"closed: {self.error.reason}")
        self._channel.close()
        self._half_came()
        self.lost.set()
        self._bell.close()
        self._turns.fail(self.error)

    @property
    def asks_for_text(self) -> bool:
        """True from the prompt until a final."""
        return self._channel.state is State.WAIT_SENT

    async def until_lost(self) -> None:
        """Wait for the end and raise why it came: PortError."""
        await self.lost.wait()
        self._check_open()

    def _check_open(self) -> None:
        if self.lost.is_set():
            assert self.error is not None
            raise self.error

    # -- bytes -----------------------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        """Bytes from the modem. An error of ours here ends the session, never the bytes' order."""
        try:
            self._trace.received(data)
            self._heard_s = asyncio.get_running_loop().time()
            self._channel.receive_data(data)
            self._pump()
        except Exception:  # the transport would only log it and go on without these bytes
            log.exception("session.failed port=%s", self.path)
            self.abort("airpost could not read what the modem sent; see the log")

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)  # first: whatever else there is to do can wait
            self._trace.sent(data)

    def _pump(self) -> None:
        prompt: WriteNow | None = None
        while (event := self._channel.next_event()) is not None:
            if isinstance(event, WriteNow) and self._at_prompt is not None:
                prompt = event
            else:
                self._hand_out(event)
        if prompt is not None and self.asks_for_text:  # nothing behind it has ended it
            self._answer(prompt)
        if not self._channel.half_open:
            if self._half_timer is not None:
                self._half_came()
        elif self._half_timer is None:
            self._half_timer = asyncio.get_running_loop().call_later(HALF_S, self._half_is_over)

    def _answer(self, prompt: WriteNow) -> None:
        answer, self._at_prompt = self._at_prompt, None
        # Who was cancelled in this turn of the loop does not send any more.
        if answer is None or not self._bell.waits or not answer():
            self._hand_out(prompt)

    def _half_came(self) -> None:
        if self._half_timer is not None:
            self._half_timer.cancel()
            self._half_timer = None

    def _half_is_over(self) -> None:
        self._half_timer = None
        self._channel.give_up_half()
        self._pump()

    def _hand_out(self, event: Event) -> None:
        match event:
            case Urc():
                if event.payload is not None:
                    self._half_came()  # a header that waits now is another one
                self._urc(event)
            case Late():
                self._late(event)
            case Noise():
                self.noise += not event.ours
            case Reply():
                self._events.append(event)
                wakes().call(self._ring)
            case _:
                self._events.append(event)
                self._bell.ring()

    def _ring(self) -> None:
        if self._events:  # else it was heard by who had not to wait
            self._bell.ring()

    @asynccontextmanager
    async def turn(self, priority: Priority) -> AsyncIterator[None]:
        """Hold the wire, by priority, then by order of asking; in step when it begins.

        Raises PortLost, or Desynced when the modem does not answer the probe (then the session is
        lost too).
        """
        await self.enter(priority)
        try:
            yield
        finally:
            self.leave()

    async def enter(self, priority: Priority) -> None:
        """Begin a turn that does not end where it began: `leave()` is the caller's duty."""
        self._check_open()
        await self._turns.take(priority)
        try:
            self._check_open()
            if self._guard_s:
                await self._rest()
            if self._dozes and asyncio.get_running_loop().time() - self._heard_s > DOZE_S:
                await self._rouse()
            if self._channel.state is State.DESYNC:
                await self._rescue()
            elif self._doubted:
                await self._prove()
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """End the turn. What is cut under way whoever is next brings in step."""
        self.give_up()
        if self._channel.go_on():
            self._pump()
        if self._guard_s:
            self._rested_at_s = asyncio.get_running_loop().time() + self._guard_s
        self._turns.end()

    async def _rest(self) -> None:
        await asyncio.sleep(self._rested_at_s - asyncio.get_running_loop().time())
        self._check_open()

    async def _rouse(self) -> None:
        """An empty line wakes a modem that misses what wakes it (`modems.md` fault 71)."""
        self._write(b"\r")
        await asyncio.sleep(ROUSE_S)
        self._check_open()

    @property
    def urgent(self) -> bool:
        """True while something urgent waits for its turn."""
        return self._turns.urgent

    def begin(self, command: Command) -> None:
        """Write a command; its events come from `event()`."""
        self._events.clear()
        self._at_prompt = None
        self._begun_s = asyncio.get_running_loop().time()
        self._write(self._channel.send(command))

    def at_prompt(self, answer: Callable[[], bool]) -> None:
        """Have the prompt of the command answered where it is read, without a turn of the loop.

        True from `answer`: it is done, and the prompt is no event any more.
        """
        self._at_prompt = answer

    def due_in(self, timeout_s: float) -> None:
        """The `event()` that is awaited ends in so many seconds from now."""
        self._bell.due_in(timeout_s)

    def payload(self, octets: bytes) -> None:
        """Write what the prompt asked for; PortLost when the port took nothing of it."""
        self._check_open()
        assert self._transport is not None
        taken = self._transport.tx_bytes
        self._write(self._channel.payload(octets))
        if self._transport.is_closing() and self._transport.tx_bytes == taken:
            raise self.error or PortLost(self.path, "the modem went away")

    def again(self, command: Command) -> None:
        """Wait on: the reply that came was an earlier message's."""
        self._channel.again(command)
        self._pump()

    def probe(self) -> int:
        """Ask something with an answer of its own, within the dialogue; how many have none now."""
        self.doubt()  # the dialogue may end before the probe is answered
        self._write(self._channel.probe())
        return self._channel.probes

    def give_up(self) -> None:
        """Stop waiting for the command, if one is under way; `resync()` before the next one."""
        self._at_prompt = None
        if self._channel.state in (State.WAIT_FINAL, State.WAIT_PROMPT, State.WAIT_SENT):
            self._trace.note("gave up waiting")
            self._dozes = self._dozes or self._begun_s - self._heard_s > DOZE_S
            self._write(self._channel.abandon())

    async def event(self, timeout_s: float) -> DialogueEvent | None:
        """The next event of the command, None when none came in time; PortLost."""
        if not self._events:
            self._check_open()
            await self._bell.awaited(timeout_s)
        if self._events:
            return self._events.popleft()
        self._check_open()
        return None

    async def resync(self) -> None:
        """Probe until the modem is in step; Desynced, and the session is lost, when it is not."""
        octets = self._octets
        for _ in range(PROBES):
            if self._channel.state is not State.DESYNC:
                return
            self._write(self._channel.probe())
            event = await self.event(PROBE_S)
            while event is not None and not isinstance(event, Resynced):
                event = await self.event(PROBE_S)
            if event is not None:
                self._trace.note("in step again")
                self._doubted = False
                return
        raise self._fell_silent("does not answer any more", octets)

    async def _rescue(self) -> None:
        """`resync()` for a modem that left a command unanswered: whether it helped is told."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        try:
            await self.resync()
        except Desynced:
            self._probed(None)
            raise
        self._probed(loop.time() - begun_s)

    @property
    def _octets(self) -> int:
        """How many octets have come."""
        return 0 if self._transport is None else self._transport.rx_bytes

    def _fell_silent(self, words: str, octets: int) -> Desynced:
        """Nobody has answered since so many octets had come."""
        self.unanswered = True
        words = f"{words}; {NOT_ALONE}" if self._octets > octets else words
        self.abort(words)
        return Desynced(words)

    def doubt(self) -> None:
        """An answer was not what was asked for: before the next command the modem is asked."""
        self._doubted = True

    async def _prove(self) -> None:
        """While nothing is under way: a question until its own answer comes.

        A modem that is one answer behind gives it to the second question, and what then comes for
        that one is known to be nobody's.
        """
        self._doubted = False
        for _ in range(WAKE_TRIES):
            self.begin(PROBE)
            event = await self.event(WAKE_S)
            if event is None:
                self.give_up()
                await self.resync()
                return
            if isinstance(event, Reply) and event.lines:
                return

    # -- whole commands --------------------------------------------------------------------------
    async def run(self, command: Command) -> tuple[str, ...]:
        """The information lines of `command`.

        Raises CommandFailed for its error, CommandTimeout when it has none in time (the modem is
        in step again then), Desynced when it does not answer at all, PortLost.
        """
        async with self.turn(command.priority):
            return await self.ask(command)

    async def ask(self, command: Command) -> tuple[str, ...]:
        """As `run()`, inside a turn."""
        self.begin(command)
        reply = await self._reply(command)
        if reply is None:
            self.give_up()
            await self._rescue()
            shown = "AT+CPIN" if command.secret else command.text
            raise CommandTimeout(f"{shown} was not answered within {command.timeout_s:g} s")
        if not reply.final.ok:
            raise failed(reply.final)
        if not reply.lines and command.asks:
            self.doubt()
        return reply.lines

    async def _reply(self, command: Command) -> Reply | None:
        left_s = command.timeout_s
        while left_s > 0:
            slice_s = min(left_s, OPTIONAL_FINAL_S) if command.final_optional else left_s
            event = await self.event(slice_s)
            if isinstance(event, Reply):
                return event
            if event is None:
                left_s -= slice_s
                if self._channel.may_assume_ok:
                    self._channel.assume_ok()
                    self._pump()
        return None

    async def wake(self) -> None:
        """Find a modem at the other end, in step; Desynced when nobody answers.

        Which of several answers belongs to which AT cannot be told, so the question with an answer
        of its own goes last (`modems.md` 8.1).
        """
        async with self.turn(Priority.CARE):
            self._write(ESC + b"\r")
            octets = self._octets
            for _ in range(WAKE_TRIES):
                self.begin(AT)
                if isinstance(await self.event(WAKE_S), Reply):
                    break
                self._channel = Channel()
            else:
                raise self._fell_silent("does not answer AT; is it the right port?", octets)
            for _ in range(WAKE_TRIES):
                self.begin(PROBE)
                event = await self.event(WAKE_S)
                if isinstance(event, Reply) and (event.lines or not event.final.ok):
                    return
                if event is None:
                    self._channel = Channel()
        # Some answer nothing but AT+CPIN? until the SIM is open: go on, every answer is checked.

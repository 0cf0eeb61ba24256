"""The way to a store's thread and back."""

from __future__ import annotations

import asyncio
import threading

import pytest

from airpost.errors import StoreUnavailable
from airpost.store.thread import Mailbox, Request, StoreThread


class Echo(StoreThread):
    """Serves one request a batch."""

    def __init__(self, fault: Exception | None = None) -> None:
        super().__init__("echo")
        self.fault = fault
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")
        if self.fault is not None:
            raise self.fault

    def close(self) -> None:
        self.calls.append("close")

    def serve(self) -> None:
        (first,) = self.taken
        try:
            first.result = first.work(threading.current_thread().name)
        except ValueError as error:
            first.error = error


def request(*, urgent: bool = False) -> Request:
    return Request(lambda _: None, asyncio.get_running_loop().create_future(), urgent=urgent)


async def test_the_urgent_goes_first_and_each_in_its_order() -> None:
    mail = Mailbox()
    a, b, c, d, e = (request(urgent=urgent) for urgent in (False, True, False, True, True))
    for each in (a, b, c, d, e):
        mail.put(each)
    assert [mail.take(wait=False), mail.take(wait=False)] == [b, d]
    assert [mail.take(wait=False, urgent=False) for _ in range(3)] == [a, c, None]
    assert [mail.take(wait=True), mail.take(wait=False)] == [e, None]


async def test_a_closed_box_is_emptied_first() -> None:
    mail = Mailbox()
    one = request()
    mail.put(one)
    mail.close()
    assert [mail.take(wait=True), mail.take(wait=True)] == [one, None]


async def test_work_is_done_in_the_thread_and_answered_on_the_loop() -> None:
    echo = Echo()
    await echo.start()
    assert await echo.ask(lambda name: name, urgent=True) == "echo"
    assert echo.pending == 0
    await echo.stop()
    assert echo.calls == ["open", "close"]
    assert not any(each.name == "echo" for each in threading.enumerate())


async def test_what_nobody_waits_for_goes_over_at_the_end_of_the_turn_in_its_order() -> None:
    echo = Echo()
    await echo.start()
    put: list[Request] = []
    at_once = echo.mail.put

    def seen(request: Request) -> None:
        put.append(request)
        at_once(request)

    echo.mail.put = seen  # type: ignore[method-assign]
    done: list[int] = []

    def ask(n: int, *, waited: bool) -> asyncio.Future[None]:
        return echo.ask(lambda _: done.append(n), urgent=True, waited=waited)

    asked = [ask(1, waited=False), ask(2, waited=False)]
    assert len(put) == 0
    asked.append(ask(3, waited=True))  # which takes those before it along
    assert len(put) == 3
    asked += [ask(4, waited=False), ask(5, waited=False)]
    assert len(put) == 3
    await asyncio.sleep(0)
    assert len(put) == 5
    await asyncio.gather(*asked)
    ask(6, waited=False)
    await echo.stop()
    assert done == [1, 2, 3, 4, 5, 6]


async def test_what_has_time_goes_along_or_apart() -> None:
    echo = Echo()
    await echo.start()
    loop = asyncio.get_running_loop()
    done: list[tuple[str, float]] = []

    def ask(name: str, within_s: float = 0.07) -> asyncio.Future[None]:
        def work(_: str) -> None:
            done.append((name, loop.time()))

        return echo.ask(work, urgent=True, waited=False, within_s=within_s)

    first_s = loop.time()
    await ask("first")
    second = ask("second")
    await asyncio.sleep(0)
    assert (second.done(), echo.pending) == (False, 0)
    await asyncio.gather(second, ask("third"))
    fourth = ask("fourth")
    await ask("fifth", 0)  # takes along what waits, in its order
    assert fourth.done()
    assert [name for name, _ in done] == ["first", "second", "third", "fourth", "fifth"]
    at_s = dict(done)
    assert at_s["first"] - first_s >= 0.06
    assert at_s["second"] - at_s["first"] >= 0.06
    last = ask("last")
    await echo.stop()
    assert last.done()
    assert done[-1][0] == "last"


async def test_an_error_comes_back_to_whoever_asked() -> None:
    echo = Echo()
    await echo.start()

    def bad(_: str) -> None:
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        await echo.ask(bad, urgent=True)
    await echo.stop()


async def test_whoever_is_cancelled_is_counted_until_the_work_is_done() -> None:
    echo = Echo()
    await echo.start()
    gate = threading.Event()
    asked = echo.ask(lambda _: gate.wait(60), urgent=True)
    asked.cancel()
    await asyncio.sleep(0.01)
    assert echo.pending == 1
    gate.set()
    await echo.ask(lambda _: None, urgent=True)
    assert echo.pending == 0
    await echo.stop()


async def test_what_opening_raised_comes_out_of_start() -> None:
    echo = Echo(OSError("no disk"))
    with pytest.raises(OSError, match="no disk"):
        await echo.start()
    assert echo.pending == 0
    with pytest.raises(StoreUnavailable, match="not open"):
        echo.ask(lambda _: None, urgent=True)
    await echo.stop()
    assert echo.calls == ["open"]


async def test_stop_finishes_what_was_asked_and_start_begins_anew() -> None:
    echo = Echo()
    for _ in range(2):
        await echo.start()
        asked = [echo.ask(lambda _, n=n: n, urgent=False) for n in range(100)]
        await echo.stop()
        assert [each.result() for each in asked] == list(range(100))
        with pytest.raises(StoreUnavailable, match="closed"):
            echo.ask(lambda _: None, urgent=True)
        await echo.stop()
    assert echo.calls == ["open", "close"] * 2


def test_a_loop_that_is_gone_does_not_stop_the_thread() -> None:
    echo = Echo()
    gate = threading.Event()

    async def leave() -> None:
        await echo.start()
        echo.ask(lambda _: gate.wait(60), urgent=True)

    asyncio.run(leave())
    gate.set()
    echo.mail.close()
    assert echo._thread is not None
    echo._thread.join(60)
    assert echo.calls == ["open", "close"]


async def test_a_thread_that_dies_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    echo = Echo()
    await echo.start()
    gate = threading.Event()

    def broken(_: str) -> None:
        gate.wait(60)
        raise RuntimeError("an invariant of ours")

    asked = [echo.ask(broken, urgent=True), echo.ask(lambda _: None, urgent=False)]
    gate.set()
    for each in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(each, StoreUnavailable)
        assert "an invariant of ours" in each.reason
    with pytest.raises(StoreUnavailable, match="must be started anew"):
        echo.ask(lambda _: None, urgent=True)
    assert "store.thread_died" in caplog.text
    await echo.stop()
    assert (echo.pending, echo.calls) == (0, ["open", "close"])

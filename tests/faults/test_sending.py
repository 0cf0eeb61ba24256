"""Faults 9 to 16 and 20 to 22 of the catalogue: prompts and results that fail, what they mean."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.model import UnitState
from airpost.outcome import OutcomeClass
from tests.faults.rigging import AFTER, faulty, faulty_house, recovered, sends, usable
from tests.modem.rig import virtually
from tests.system.house import House
from tests.virtual import VirtualLoop

OK, TRANSIENT, PERMANENT, UNKNOWN = OutcomeClass
AIR_S = 0.2
PROBE_S = 15.0  # from the text to the first question whether the modem is still at it


async def story(house: House, message_id: str) -> list[str]:
    """The states of the only part, in order."""
    events = await house.events(message_id)
    return [each["to"] for each in events if each["subject"] == "part 1"]


@virtually
async def test_09_slow_prompt(loop: VirtualLoop, tmp_path: Path) -> None:
    """A prompt is waited for for ten seconds."""
    async with faulty(loop, tmp_path) as rig:
        rig.sim.faults.set("slow_prompt", count=1)
        begun_s = loop.time()
        result = await rig.send("hello")
        recovered(9, loop.time() - begun_s - AIR_S)
        assert result.outcome.ok
        assert rig.texts() == ["hello"]
        await usable(rig)


@virtually
async def test_10_no_prompt(loop: VirtualLoop, tmp_path: Path) -> None:
    """Escaped and asked; nothing has gone out, and the message goes with the next try."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("no_prompt", count=1)
        begun_s = loop.time()
        message = await house.post(text="hello")
        await house.until(house.texts)
        recovered(10, loop.time() - begun_s - AIR_S)
        (done,) = await house.settled([message["id"]])
        assert done["state"] == "delivered"
        assert house.texts() == ["hello"]
        (_, unanswered), *_ = [
            each for each in enumerate(modem.heard) if each[1][1].startswith("AT+CMGS=")
        ]
        after = [line for at_s, line in modem.heard if at_s > unanswered[0]]
        assert after[0] == "AT+CMEE?"
        await sends(house)


@virtually
async def test_10_no_prompt_ever_again(loop: VirtualLoop, tmp_path: Path) -> None:
    """Slowed down, then set up anew, then reset; nothing has gone out, so nothing is doubtful."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("no_prompt", healed_by="reset")
        begun_s = loop.time()
        message = await house.post(text="hello")
        await house.until(house.texts)
        recovered(10, loop.time() - begun_s - AIR_S)
        (done,) = await house.settled([message["id"]])
        assert (done["state"], done["possible_duplicates"]) == ("delivered", 0)
        assert house.texts() == ["hello"]
        assert len(modem.records.resets) == 1
        await sends(house)


@pytest.mark.parametrize(("answer", "times"), [("ERROR", 1), ("ERROR", 3), ("+CMS ERROR: 304", 1)])
@virtually
async def test_11_prompt_lost(loop: VirtualLoop, tmp_path: Path, answer: str, times: int) -> None:
    """What was typed was taken for commands: known not to have gone out, and tried again."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("prompt_lost", answer=answer, times=times, count=1)
        begun_s = loop.time()
        message = await house.post(text="hello")
        await house.until(house.texts)
        recovered(11, loop.time() - begun_s - AIR_S)
        (done,) = await house.settled([message["id"]])
        assert done["state"] == "delivered"
        assert house.texts() == ["hello"]
        assert "uncertain" not in await story(house, message["id"])
        await sends(house)


@virtually
async def test_11_prompt_lost_for_a_minute(loop: VirtualLoop, tmp_path: Path) -> None:
    """One modem that garbles every text fails no message: another sends them."""
    async with faulty_house(loop, tmp_path, 2) as house:
        house.sim.modems[0].faults.set("prompt_lost", answer="+CMS ERROR: 304", for_s=60.0)
        sent = []
        for number in range(30):
            sent.append(await house.post(f"+49170{number:07d}", f"hello {number}"))
            await asyncio.sleep(1.0)
        done = await house.settled([each["id"] for each in sent])
        assert {each["state"] for each in done} == {"delivered"}
        tried = sum(each.final is not None for each in house.sim.modems[0].sends)
        assert tried < 10
        await sends(house)


@virtually
async def test_12_stuck_prompt(loop: VirtualLoop, tmp_path: Path) -> None:
    """The prompt that does not end is escaped; nothing has gone out."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("stuck_prompt", count=1)
        begun_s = loop.time()
        message = await house.post(text="hello")
        await house.until(house.texts)
        recovered(12, loop.time() - begun_s - AIR_S)
        (done,) = await house.settled([message["id"]])
        assert done["state"] == "delivered"
        assert house.texts() == ["hello"]
        assert [each.final for each in modem.sends] == ["escaped", "OK"]
        await sends(house)


@virtually
async def test_13_late_mr(loop: VirtualLoop, tmp_path: Path) -> None:
    """Uncertain meanwhile; the late reference is credited to its own message, others go on."""
    async with faulty_house(loop, tmp_path, report_delay_s=200.0) as house:
        await sends(house)  # references are counted from the first
        house.sim.modems[0].faults.set("late_mr", count=1, delay_s=40.0)
        begun_s = loop.time()
        message = await house.post(text="hello")
        another = await house.post(text="another")
        await house.until(lambda: "another" in house.texts())
        recovered(13, loop.time() - begun_s - AIR_S)
        assert loop.time() - begun_s == pytest.approx(PROBE_S + 1, abs=1)
        assert (await house.message(message["id"]))["state"] == "uncertain"
        await asyncio.sleep(40.0 - (loop.time() - begun_s) + 2)
        assert (await house.message(message["id"]))["state"] == "sent"
        done = await house.settled([message["id"], another["id"]])
        assert [each["state"] for each in done] == ["delivered"] * 2
        assert sorted(house.texts(), key=str) == ["another", "hello"]
        await sends(house)


@virtually
async def test_14_no_mr(loop: VirtualLoop, tmp_path: Path) -> None:
    """Known after one question; the report settles it, and nothing is sent again."""
    async with faulty_house(loop, tmp_path) as house:
        house.sim.modems[0].faults.set("no_mr", count=1)
        begun_s = loop.time()
        message = await house.post(text="hello")
        another = await house.post(text="another")
        await house.until(lambda: "another" in house.texts())
        recovered(14, loop.time() - begun_s - AIR_S)
        done = await house.settled([message["id"], another["id"]])
        assert [each["state"] for each in done] == ["delivered"] * 2
        assert "uncertain" in await story(house, message["id"])
        assert house.texts() == ["hello", "another"]
        await sends(house)


@virtually
async def test_14_no_mr_of_a_modem_that_counts_is_told_by_the_report(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """The report has the next reference: it does not wait for an answer that never comes."""
    async with faulty_house(loop, tmp_path) as house:
        await sends(house, 2)
        house.sim.modems[0].faults.set("no_mr", count=1)
        begun_s = loop.time()
        message = await house.post(text="your code is 1234", **{"class": "otp"})
        (done,) = await house.settled([message["id"]])
        assert done["state"] == "delivered"
        assert loop.time() - begun_s < PROBE_S - 5
        await asyncio.sleep(60)
        assert (await house.message(message["id"]))["state"] == "delivered"
        assert "uncertain" not in await story(house, message["id"])
        assert house.texts() == ["your code is 1234"]
        await sends(house)


@virtually
async def test_14_no_mr_and_no_answer_at_all(loop: VirtualLoop, tmp_path: Path) -> None:
    """At the limit of the dialogue it is given up, and the modem opened anew."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("late_final", verb="+CMGS", delay_s=200.0, count=1)
        begun_s = loop.time()
        message = await house.post(text="hello")
        await asyncio.sleep(62)
        assert (await house.message(message["id"]))["state"] == "delivered"
        assert "uncertain" in await story(house, message["id"])
        await house.until(lambda: modem.records.opens > 1, 90)
        await house.ready()
        recovered(14, loop.time() - begun_s - 200.0)
        assert house.texts() == ["hello"]
        await sends(house)


@virtually
async def test_15_ok_without_mr(loop: VirtualLoop, tmp_path: Path) -> None:
    """Accepted, without a reference; its report is matched by number and time."""
    async with faulty_house(loop, tmp_path) as house:
        house.sim.modems[0].faults.set("ok_without_mr")
        begun_s = loop.time()
        message = await house.post(text="hello")
        await house.until(house.texts)
        recovered(15, loop.time() - begun_s - AIR_S)
        await asyncio.sleep(1)
        assert (await house.message(message["id"]))["state"] == "sent"
        (done,) = await house.settled([message["id"]])
        assert done["state"] == "delivered"
        house.sim.modems[0].faults.clear()
        await sends(house)


@pytest.mark.parametrize("report_s", [0.0, 2.0, 50.0])
@virtually
async def test_16_error_but_sent(loop: VirtualLoop, tmp_path: Path, report_s: float) -> None:
    """Uncertain, not failed; the report that comes all the same corrects it."""
    async with faulty_house(loop, tmp_path, report_delay_s=report_s) as house:
        house.sim.modems[0].faults.set("error_but_sent", count=1)
        begun_s = loop.time()
        message = await house.post(text="hello")
        (done,) = await house.settled([message["id"]])
        recovered(16, loop.time() - begun_s - report_s)
        assert done["state"] == "delivered"
        assert house.texts() == ["hello"]
        assert "uncertain" in await story(house, message["id"])
        await sends(house)


@pytest.mark.parametrize(("code", "state", "sends_of_it"), [(1, "failed", 1), (38, "delivered", 2)])
@virtually
async def test_a_refusal_after_the_patience_is_known_to_be_one(
    loop: VirtualLoop, tmp_path: Path, code: int, state: str, sends_of_it: int
) -> None:
    """Uncertain while the modem still sends; then it says that it has not sent it."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("cms_error", code=code, after_s=75.0, count=1)
        message = await house.post(text="hello")
        await asyncio.sleep(62)
        assert (await house.message(message["id"]))["state"] == "uncertain"
        await asyncio.sleep(15)
        (done,) = await house.settled([message["id"]])
        assert (done["state"], done["possible_duplicates"]) == (state, 0)
        assert done["parts"][0]["attempts"] == sends_of_it
        await sends(house)


@virtually
async def test_20_collision(loop: VirtualLoop, tmp_path: Path) -> None:
    """A message came in meanwhile: once more after some seconds."""
    async with faulty_house(loop, tmp_path) as house:
        house.sim.modems[0].faults.set("collision")
        begun_s = loop.time()
        message = await house.post(text="hello")
        await house.until(house.texts)
        took_s = loop.time() - begun_s - AIR_S
        recovered(20, took_s)
        assert 2.0 <= took_s <= 6.0
        (done,) = await house.settled([message["id"]])
        assert done["state"] == "delivered"
        assert [part["attempts"] for part in done["parts"]] == [2]
        assert house.texts() == ["hello"]
        await sends(house)


@virtually
async def test_21_congestion(loop: VirtualLoop, tmp_path: Path) -> None:
    """It is tried less and less often, and others take its messages at once."""
    async with faulty_house(loop, tmp_path, 2) as house:
        first = house.sim.modems[0]
        await sends(house, 20)
        first.faults.set("congestion")
        tried = len(first.sends)
        begun_s = loop.time()
        # To whom the first modem has sent: it is the one that is preferred.
        sent = [await house.post(AFTER, f"message {number}") for number in range(20)]
        done = await house.settled([each["id"] for each in sent], 60)
        assert {each["state"] for each in done} == {"delivered"}
        told = sorted(house.texts(AFTER)[20:], key=str)
        assert told == sorted(f"message {each}" for each in range(20))
        assert 1 <= len(first.sends) - tried <= 6
        assert all(view.ready for view in house.daemon.parts.pool.modems())
        await house.until(lambda: not first.faults.active())
        ended_s = loop.time()
        assert ended_s - begun_s == pytest.approx(300, abs=3)
        tried = len(first.sends)
        for number in range(60):
            await house.post(to=f"+49170{number:07}", text=f"after {number}")
        await house.until(lambda: len(first.sends) > tried + 5, 60)
        # Escaped: given to the other modem, which had nothing, before its text was written.
        assert {each.final for each in list(first.sends)[tried:-1]} <= {"OK", "escaped"}
        recovered(21, loop.time() - ended_s)
        await sends(house)


@virtually
async def test_21_congestion_of_the_only_modem(loop: VirtualLoop, tmp_path: Path) -> None:
    """Messages wait, the modem is not hammered, and all go out when the network is free again."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("congestion")
        begun_s = loop.time()
        sent = [await house.post(text=f"message {number}") for number in range(5)]
        await house.until(house.texts)
        assert loop.time() - begun_s > 300
        recovered(21, loop.time() - begun_s - 300)
        assert len(modem.sends) <= 16
        done = await house.settled([each["id"] for each in sent])
        assert {each["state"] for each in done} == {"delivered"}
        assert sorted(house.texts(), key=str) == [f"message {each}" for each in range(5)]
        await sends(house)


@virtually
async def test_22_no_credit(loop: VirtualLoop, tmp_path: Path) -> None:
    """What one SIM was refused is tried once by another; the third in a row is about the SIM."""
    async with faulty_house(loop, tmp_path, 2) as house:
        first = house.sim.modems[0]
        await sends(house, 20)
        first.faults.set("no_credit")
        begun_s, tried = loop.time(), len(first.sends)
        numbers = [f"+49170{number:07}" for number in range(30)]
        sent = [await house.post(number, "hello") for number in numbers]
        done = await house.settled([each["id"] for each in sent], 120)
        states = [each["state"] for each in done]
        assert (states.count("failed"), states.count("delivered")) == (0, 30)
        assert len(first.sends) - tried <= 8
        for number, state in zip(numbers, states, strict=True):
            assert house.texts(number) == (["hello"] if state == "delivered" else [])
        lanes = (await house.get("/v1/modems"))["items"]
        assert [each["state"] for each in lanes] == ["degraded", "ready"]
        assert "has no credit, is barred" in lanes[0]["detail"]
        first.faults.clear()
        begun_s, tried = loop.time(), len(first.sends)
        await asyncio.sleep(300)
        for number in numbers * 3:
            await house.post(number, "after")
        await house.until(lambda: len(first.sends) > tried + 2)
        recovered(22, loop.time() - begun_s - 300)
        await asyncio.sleep(5)
        assert [view.state for view in house.daemon.parts.pool.modems()] == [UnitState.READY] * 2
        await sends(house)


@virtually
async def test_22_no_credit_of_the_only_modem(loop: VirtualLoop, tmp_path: Path) -> None:
    """What comes after the second waits until the SIM may send again."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("no_credit")
        numbers = [f"+49170{number:07}" for number in range(6)]
        sent = [(await house.post(number, "hello"))["id"] for number in numbers]
        await asyncio.sleep(20)
        (view,) = house.daemon.parts.pool.modems()
        assert view.state is UnitState.DEGRADED
        assert "has no credit, is barred" in view.detail
        assert "CMS 21" in view.detail
        await asyncio.sleep(580)
        tried = len(modem.sends)
        assert tried <= 15
        modem.faults.clear()
        begun_s = loop.time()
        done = await house.settled(sent)
        recovered(22, loop.time() - begun_s)
        states = [each["state"] for each in done]
        assert (states.count("failed"), states.count("delivered")) == (2, 4)
        await house.until(lambda: house.daemon.parts.pool.modems()[0].state is UnitState.READY, 5)
        await sends(house)


@virtually
async def test_one_lost_answer_of_a_modem_that_is_new_puts_one_message_in_doubt(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """Not those after it, and not the SIM; no report helps."""
    async with faulty_house(loop, tmp_path) as house:
        house.sim.modems[0].faults.set("no_final", verb="+CMGS", count=1)
        house.sim.network.report_loss = 1.0
        made = [await house.post(f"+49170000000{at}", f"text {at}") for at in range(5)]
        await house.until(lambda: len(house.texts("+491700000004")) == 1)
        await asyncio.sleep(120)
        doubtful = await house.get("/v1/messages?uncertain=true")
        assert [each["text"] for each in doubtful["items"]] == ["text 0"]
        assert await story(house, made[0]["id"]) == [
            "sending",
            "uncertain",
            "queued",
            "sending",
            "sent",
        ]
        assert [await story(house, each["id"]) for each in made[1:]] == [["sending", "sent"]] * 4
        assert (await house.get("/v1/modems"))["items"][0]["paused"] is None

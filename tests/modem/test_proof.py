"""What a port is found to be: simulated modems, their other ports, and ports of the test's own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from airpost.at.replies import SimStatus
from airpost.errors import PortRefused
from airpost.modem import proof
from airpost.modem.devices import PortInfo
from airpost.modem.port import PortSettings
from airpost.modem.proof import (
    ECHO,
    HUNG,
    NO_IMEI,
    PROOF_S,
    Finding,
    PortQuestions,
    Proof,
    SimSeen,
    prove,
    prove_first,
)
from hwsim.pool import SimPool
from hwsim.ptys import Pty
from tests.modem.rig import virtually
from tests.virtual import VirtualLoop
from tests.wires import watched

Answer = Callable[[str], str | bytes]
IMEI = "356938035643809"
SAID = {"AT": "OK", "AT+CGSN": f"{IMEI}\r\n\r\nOK", "AT+CPIN?": "+CPIN: READY\r\n\r\nOK"}


class Peer:
    """A port that answers a line at a time; `None` says nothing to what it does not know."""

    def __init__(self, link: Path, answer: Answer, banner: bytes = b"") -> None:
        self.asked: list[str] = []
        self.pty = Pty(link, self._heard)
        self._answer = answer
        self._banner = banner
        self._line = b""

    def _heard(self, data: bytes) -> None:
        if self._banner:
            self.pty.write(self._banner)
        *lines, self._line = (self._line + data).split(b"\r")
        for line in lines:
            text = line.lstrip(b"\x1b").decode("ascii")
            if text:
                self.asked.append(text)
                self._say(self._answer(text))

    def _say(self, answer: str | bytes) -> None:
        if isinstance(answer, str):
            answer = f"\r\n{answer}\r\n".encode("ascii") if answer else b""
        self.pty.write(answer)


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of every limit: the ports of these tests answer at once or never."""
    for name in ("AT", "IMEI", "PIN_STATE", "PROBE"):
        command = getattr(proof.command, name)
        monkeypatch.setattr(proof.command, name, proof.command.replace(
            command, timeout_s=command.timeout_s / 20))  # fmt: skip


@asynccontextmanager
async def port(folder: Path, answer: Answer, banner: bytes = b"") -> AsyncIterator[Peer]:
    peer = Peer(folder / "port", answer, banner)
    peer.pty.open(asyncio.get_running_loop())
    try:
        yield peer
    finally:
        peer.pty.close()


async def proven(folder: Path, answer: Answer, banner: bytes = b"") -> Proof:
    async with port(folder, answer, banner) as peer:
        return await prove(str(peer.pty.link))


def mapped(**changes: str) -> Answer:
    return lambda text: (SAID | changes).get(text, "ERROR")


# -- simulated modems ----------------------------------------------------------------------------


@pytest.mark.parametrize("personality", [
    "generic", "huawei-e3372-like", "quectel-ec25-like", "simcom-sim800-like", "zte-mf626-like",
    "wavecom-q24-like", "cinterion-ehs5-like", "quectel-m26-like"])  # fmt: skip
async def test_a_modem_of_every_family_is_proved(tmp_path: Path, personality: str) -> None:
    pool = SimPool(tmp_path / "sim", 1, personalities=(personality,))
    await pool.start()
    try:
        told = await prove(str(pool.ports[0]))
    finally:
        await pool.stop()
    assert (told.finding, told.imei) == (Finding.AT, pool.modems[0].imei)
    assert told.is_at_port


@pytest.mark.parametrize(
    ("form", "finding"),
    [("parrot", Finding.PARROT), ("nmea", Finding.NMEA), ("diag", Finding.DIAG),
     ("silent", Finding.SILENT)],
)  # fmt: skip
async def test_the_other_ports_of_a_modem_are_recognised(
    tmp_path: Path, form: str, finding: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof.command, "AT", proof.command.plain("AT", timeout_s=1.2))
    pool = SimPool(tmp_path / "sim", 1)
    await pool.start()
    try:
        pool.modems[0].faults.set("wrong_port", form=form)
        told = await prove(str(pool.ports[0]))
    finally:
        await pool.stop()
    assert told.finding is finding
    assert not told.is_at_port
    assert told.sentence


# -- answers -------------------------------------------------------------------------------------


async def test_a_modem_that_hides_its_imei_until_the_sim_is_open(tmp_path: Path) -> None:
    told = await proven(tmp_path, mapped(**{"AT+CGSN": "+CME ERROR: 11"}))
    assert (told.finding, told.imei, told.sentence) == (Finding.AT, None, NO_IMEI)
    told = await proven(tmp_path, mapped(**{"AT+CGSN": "ERROR"}))
    assert (told.finding, told.sentence) == (Finding.AT, NO_IMEI)
    told = await proven(tmp_path, lambda text: "OK" if text == "AT" else "+CME ERROR: 10")
    assert (told.finding, told.sentence) == (Finding.AT, NO_IMEI)


@pytest.mark.parametrize("word", ["OK", "ERROR"])
async def test_a_port_that_says_the_same_to_everything_is_a_parrot(
    tmp_path: Path, word: str
) -> None:
    assert (await proven(tmp_path, lambda _: word)).finding is Finding.PARROT


async def test_a_modem_that_misses_the_first_commands_is_not_one_answer_behind(
    tmp_path: Path,
) -> None:
    late: list[str] = []

    def answer(text: str) -> str:
        late.append(SAID.get(text, "ERROR"))
        return "" if len(late) == 1 else late[len(late) - 2]  # always the answer before

    told = await proven(tmp_path, answer)
    assert told.imei == IMEI


async def test_an_imei_that_got_lost_among_the_answers_of_others_is_asked_for_again(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    def answer(text: str) -> str:
        asked.append(text)
        lost = text == "AT+CGSN" and asked.count(text) == 1
        return "" if lost else SAID.get(text, "ERROR")

    assert (await proven(tmp_path, answer)).imei == IMEI


async def test_lines_nobody_asked_for_and_echo_are_no_answers(tmp_path: Path) -> None:
    told = await proven(
        tmp_path, lambda text: f"{text}\r\r\n{SAID.get(text, 'ERROR')}", banner=b"\r\n^RSSI: 18\r\n"
    )
    assert told.imei == IMEI


async def test_a_port_that_talks_and_never_answers(tmp_path: Path) -> None:
    told = await proven(tmp_path, lambda _: "", banner=b"login: ")
    assert told.finding is Finding.OTHER


async def test_an_adapter_with_nothing_behind_it_gives_back_what_it_is_sent(
    tmp_path: Path,
) -> None:
    pty = Pty(tmp_path / "port", lambda data: pty.write(data))
    pty.open(asyncio.get_running_loop())
    told = await prove(str(pty.link))
    pty.close()
    assert (told.finding, told.sentence) == (Finding.OTHER, ECHO)


async def test_a_port_that_answers_once_and_is_silent_then(tmp_path: Path) -> None:
    told = await proven(tmp_path, lambda text: "OK" if text == "AT" else "")
    assert (told.finding, told.sentence) == (Finding.SILENT, HUNG)


async def test_a_flood_does_not_keep_a_proof_from_ending(tmp_path: Path) -> None:
    told = await proven(tmp_path, lambda _: b"\x00\xfe\x81" * 30_000)
    assert told.finding is Finding.DIAG


# -- ports that cannot be asked ------------------------------------------------------------------


async def test_a_port_that_is_held_says_so(tmp_path: Path) -> None:
    async with port(tmp_path, mapped()) as peer:
        held = await proof.open_port(str(peer.pty.link), asyncio.Protocol(), PortSettings())
        told = await prove(str(peer.pty.link))
        held.abort()
    assert told.finding is Finding.BUSY
    assert "held by another program" in told.sentence


async def test_a_path_that_is_no_port_or_not_there(tmp_path: Path) -> None:
    told = await prove(str(tmp_path / "none"))
    assert (told.finding, told.imei) == (Finding.LOST, None)
    file = tmp_path / "file"
    file.write_text("")
    assert (await prove(str(file))).finding is Finding.REFUSED


async def test_a_port_without_permission_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(path: str, *_: object) -> None:
        raise PortRefused(path, "permission denied")

    monkeypatch.setattr(proof, "open_port", refused)
    told = await prove("/dev/ttyUSB0")
    assert (told.finding, told.sentence) == (Finding.REFUSED, "permission denied")


async def test_a_modem_that_is_unplugged_while_it_is_asked(tmp_path: Path) -> None:
    peer = Peer(tmp_path / "port", lambda _: peer.pty.close() or "")
    peer.pty.open(asyncio.get_running_loop())
    told = await prove(str(peer.pty.link))
    assert told.finding is Finding.LOST


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_port_is_closed_again(tmp_path: Path) -> None:
    async with port(tmp_path, mapped()) as peer:
        before = descriptors()
        for _ in range(20):
            assert (await prove(str(peer.pty.link))).imei == IMEI
        assert descriptors() == before
        assert set(peer.asked) == {"AT", "AT+CGSN"}


# -- several -------------------------------------------------------------------------------------


async def test_ports_are_asked_in_order_until_one_is_the_at_port(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    answers: list[Answer] = [
        lambda _: "OK", mapped(**{"AT+CGSN": "+CME ERROR: 11"}), mapped(), mapped()]  # fmt: skip
    peers = [Peer(tmp_path / f"port{at}", answer) for at, answer in enumerate(answers)]
    for peer in peers:
        peer.pty.open(loop)
    ports = [PortInfo(path=str(peer.pty.link), interface=at, role=None)
             for at, peer in enumerate(peers)]  # fmt: skip
    try:
        proofs = await prove_first(ports)
        without = await prove_first((ports[1], ports[0]))
        none = await prove_first(ports[:1])
    finally:
        for peer in peers:
            peer.pty.close()
    assert [Path(each.path).name for each in proofs] == ["port0", "port1", "port2"]
    assert peers[3].asked == []
    assert [each.finding for each in without] == [Finding.PARROT, Finding.AT]
    assert [each.finding for each in none] == [Finding.PARROT]
    assert await prove_first([]) == []


@pytest.mark.parametrize("boot_s", [0.0, 2.5, 9.0, 9.5, 10.5])
@virtually
async def test_of_a_modem_that_is_starting_the_likeliest_port_is_taken(
    loop: VirtualLoop, tmp_path: Path, boot_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    pool = SimPool(
        tmp_path, 1, usb=True, boot_s=boot_s, personalities=("huawei-e3372-like",)
    )  # fmt: skip
    await pool.start()
    modem = pool.modems[0]
    try:
        with watched(loop, pool.modems):
            stick = modem.power.stick
            assert stick is not None
            seen = {port.interface: str(port.path) for port in stick.ports}
            ports = [PortInfo(path=seen[at], interface=at, role=None) for at in (2, 0, 1)]
            proofs = await prove_first(ports)
            while proofs[-1].imei is None:
                await asyncio.sleep(1)
                proofs = await prove_first(ports)
        assert (proofs[-1].path, proofs[-1].imei) == (seen[2], modem.imei)
        assert loop.time() <= max(boot_s, 4.0) + 2
    finally:
        await pool.stop()


@virtually
async def test_a_silent_port_is_given_up_within_the_limit(
    loop: VirtualLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    began_s = loop.time()
    async with port(tmp_path, lambda _: "") as peer:
        told = await prove(str(peer.pty.link))
    assert told.finding is Finding.SILENT
    assert loop.time() - began_s <= PROOF_S
    assert re.fullmatch(r"(AT )+", " ".join([*peer.asked, ""]))


async def test_the_number_of_a_sim_is_read_without_a_session(tmp_path: Path) -> None:
    pool = SimPool(tmp_path, 1)
    await pool.start()
    try:
        modem = pool.modems[0]
        questions = PortQuestions(PortSettings())
        assert await questions.sim(str(pool.ports[0])) == SimSeen(iccid=modem.card.iccid)
        (found,) = await questions.prove_first(
            [PortInfo(path=str(pool.ports[0]), interface=None, role=None)]
        )
        assert found.imei == modem.imei
        assert await questions.sim(str(tmp_path / "nowhere")) == SimSeen()
    finally:
        await pool.stop()


async def test_a_sim_that_tells_no_number_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "PROOF_S", 0.2)
    monkeypatch.setattr(proof, "SIM_BUSY_S", 0.01)
    async with port(tmp_path, mapped()) as peer:
        assert await PortQuestions(PortSettings()).sim(str(peer.pty.link)) == SimSeen()
        assert peer.asked.count("AT+CCID") > 1


@virtually
async def test_what_a_sim_waits_for_is_told_where_its_number_is_not(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    pool = SimPool(tmp_path, 1)
    await pool.start()
    modem = pool.modems[0]
    modem.faults.set("command_error", verb="+CCID,+ICCID,^ICCID")
    with watched(loop, pool.modems):
        try:
            questions, path = PortQuestions(PortSettings()), str(pool.ports[0])
            modem.card.lock("1234")
            assert await questions.sim(path) == SimSeen(status=SimStatus.SIM_PIN)
            modem.card.block(10)
            assert await questions.sim(path) == SimSeen(status=SimStatus.SIM_PUK)
            modem.faults.set("sim_removed")
            modem.settings.cmee = 1  # else it says ERROR, as a busy one does
            began_s = loop.time()
            assert await questions.sim(path) == SimSeen(status=SimStatus.NOT_INSERTED)
            assert loop.time() - began_s < 5.0
            modem.faults.clear("sim_removed")
            modem.card.block(None)
            modem.card.lock(None)
            began_s = loop.time()
            assert await questions.sim(path) == SimSeen()  # it may be busy: to the last moment
            assert loop.time() - began_s == pytest.approx(PROOF_S, abs=1.0)
        finally:
            await pool.stop()

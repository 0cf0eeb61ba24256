"""Endpoints over their life: who sees what, secrets, tests, commands."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from airpost.services.webhooks.settings import EventSettings, ExecSettings
from airpost.services.webhooks.targets import TargetRefused
from airpost.store.publishing import EndpointKind, EndpointState
from tests.services.webhooks.rig import OK, URL, Rig, in_rig, opened, status
from tests.store.values import new
from tests.virtual import VirtualLoop, run_virtual


def test_an_owner_is_told_of_its_own_and_who_sees_all_of_everything(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        shop = await rig.create("message.*", "modem.*", sees="shop")
        every = await rig.create("*", owner="local")
        took: dict[str, list[str]] = {shop.id: [], every.id: []}

        def says(endpoint: object, body: dict[str, str]) -> object:
            took[endpoint.id].append(body["type"])  # type: ignore[attr-defined]
            return OK

        rig.receiver.says = says  # type: ignore[assignment]
        await rig.store.accept([new("m1", owner="shop"), new("m2", owner="other")])
        await rig.state("gate-1")
        await rig.store.note("modem gate-1", None, "call", "+4930", rig.clock.now())
        await rig.store.note("service", None, None, "restored", rig.clock.now())
        await rig.until(lambda: len(took[every.id]) == 5)
        assert sorted(took[every.id]) == [
            "inbound.call", "message.queued", "message.queued", "modem.state", "service.note",
        ]  # fmt: skip
        await asyncio.sleep(1)
        assert sorted(took[shop.id]) == ["message.queued", "modem.state"]
        assert [each.endpoint.id for each in rig.webhooks.all("shop")] == [shop.id]
        assert len(rig.webhooks.all(None)) == 2
        with pytest.raises(KeyError):
            rig.webhooks.find(every.id, "shop")

    in_rig(tmp_path, story)


def test_a_secret_is_turned_and_both_count_for_a_while(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        made = await rig.create()
        turned = await rig.webhooks.rotate(made.id, 60)
        assert turned.secret not in (None, made.secret)
        assert turned.previous == made.secret
        assert turned.previous_until == rig.clock.now() + 60_000_000
        again = await rig.webhooks.rotate(made.id)
        assert again.previous == turned.secret
        (kept,) = await rig.store.outbox.endpoints()
        assert (kept.secret, kept.previous) == (again.secret, turned.secret)
        secrets = "SELECT count(*) FROM body WHERE kind = 'secret'"
        count = await rig.store.outbox._read(lambda db: db.execute(secrets).fetchone()[0])
        assert count == 2
        await rig.webhooks.remove(made.id)
        count = await rig.store.outbox._read(lambda db: db.execute(secrets).fetchone()[0])
        assert count == 0

    in_rig(tmp_path, story)


def test_there_are_so_many_and_not_everywhere(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        await rig.create()
        with pytest.raises(ValueError, match="has 2 already"):
            await rig.create()
        await rig.create(owner="other")
        with pytest.raises(TargetRefused):
            await rig.webhooks.create("w1", "http://10.0.0.1/", (), None, owner="x", sees=None,
                                      inbound=True)  # fmt: skip

    in_rig(tmp_path, story, most=2)


def test_one_is_sent_to_see_what_comes_of_it(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        made = await rig.create()
        answer, took_ms = await rig.webhooks.test(made.id)
        assert (answer.ok, took_ms) == (True, 10)
        assert rig.receiver.took[0]["type"] == "webhook.test"
        rig.receiver.says = lambda _e, _b: status(404)
        assert (await rig.webhooks.test(made.id))[0].status == 404
        assert (await rig.store.outbox.deliveries(made.n, 0, 5)).items == ()

    in_rig(tmp_path, story)


def test_what_was_changed_while_nothing_could_be_stored_goes_on(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        made = await rig.create()
        await asyncio.gather(
            rig.webhooks.pause(made.id), rig.webhooks.resume(made.id), rig.state("a")
        )
        await rig.until(lambda: len(rig.receiver.took) == 1)
        assert rig.webhooks.find(made.id, None).endpoint.state is EndpointState.ACTIVE
        assert made.target == URL

    in_rig(tmp_path, story)


def test_commands_come_and_go_with_the_configuration(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = f"import sys; open({str(out)!r}, 'a').write(sys.stdin.read() + '\\n')"

    def written() -> bool:
        return out.exists() and '"ready"' in out.read_text()

    command = ExecSettings(name="siren", command=(sys.executable, "-c", code), types=("modem.*",))

    async def main(loop: VirtualLoop) -> None:
        for execs, expected in ((command,), 1), ((), 0):
            settings = EventSettings(execs=execs)
            async with opened(loop, tmp_path, events=settings) as rig:
                found = [each.endpoint for each in rig.webhooks.all(None)]
                assert [each.kind for each in found] == [EndpointKind.EXEC] * expected
                if expected:
                    loop.busy["command"] = lambda: not written()
                    await rig.state("gate-1")
                    await rig.until(written)
                    del loop.busy["command"]

    run_virtual(main)

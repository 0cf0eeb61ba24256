"""Self-tests and credit on simulated modems, seen from outside."""

from __future__ import annotations

import asyncio
from pathlib import Path

from airpost.pool.credit import CreditSettings
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

CREDIT = CreditSettings(ussd="*100#", pattern="(?P<value>[0-9]+[.,][0-9]{2})", every_h=1, low=5.0)


async def _begin(house: House, name: str, status: int = 202, **body: str) -> Json:
    async with house.http.post(f"/v1/modems/{name}/selftest", json=body) as response:
        assert response.status == status, await response.text()
        told: Json = await response.json()
        return told


def test_one_sim_proves_itself_and_another_and_nobody_is_woken(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 2) as house:
            begun = await _begin(house, "gate-1")
            assert (begun["to"], begun["class"]) == (house.sim.modems[1].card.number, "bulk")
            refused = await _begin(house, "gate-1", 409)
            assert begun["id"] in refused["detail"]
            (done,) = await house.settled([begun["id"]])
            assert done["state"] == "delivered"
            await asyncio.sleep(120)
            one, two = (await house.get("/v1/modems"))["items"]
            assert (one["proof"], two["proof"]) == ("report", "received")
            assert one["last_proof_at"] is not None
            test = one["selftest"]
            assert (test["message"], test["state"], test["over"]) == (
                begun["id"], "delivered", True,
            )  # fmt: skip
            assert two["selftest"] is None
            assert (await house.get("/v1/inbound"))["items"] == []

    run_virtual(main)


def test_the_balance_of_a_card_is_shown_and_told_when_low(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 1, modem={"credit": CREDIT}) as house:
            await asyncio.sleep(30)
            (modem,) = (await house.get("/v1/modems"))["items"]
            assert modem["credit"]["value"] == 12.34
            assert (modem["credit"]["low"], modem["credit"]["problem"]) == (False, None)
            house.sim.modems[0].ussd["*100#"] = "Credit: 0.80 EUR"
            await asyncio.sleep(3700)
            (modem,) = (await house.get("/v1/modems"))["items"]
            assert (modem["credit"]["value"], modem["credit"]["low"]) == (0.8, True)
            page = await house.daemon.parts.store.events(0, 500)
            assert [each.subject for each in page.items if each.to == "credit"] == ["modem gate-1"]

    run_virtual(main)

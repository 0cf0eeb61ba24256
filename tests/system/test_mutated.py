"""Requests that are wrong in one place: each is refused by name and costs nothing."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import pytest
from yarl import URL

from tests.fuzz.mutants import MARK, Breeder, faults, things
from tests.system.house import opened
from tests.virtual import VirtualLoop, run_virtual

CASES = 600  # `make api-fuzz` sends 10,000


def test_each_is_refused_by_the_name_of_its_field(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong: list[str] = []

    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 2, report_delay_s=1.0) as house:
            document = await house.get("/openapi.json")
            made = await things(house.http, document)
            before = len(await house.everything())
            caplog.set_level(logging.DEBUG, "airpost")
            caplog.clear()
            for each in islice(Breeder(document, 1, made), CASES):
                where = URL(each.path, encoded=True).with_query(list(each.query))
                async with house.http.request(
                    each.method, where, data=each.body, headers=each.headers
                ) as response:
                    told = await response.read()
                    found = faults(each, response.status, response.content_type, told)
                if found:
                    sent = each.query or (each.body or b"")[:200]
                    wrong.append(f"{each.operation} {each.what} {each.names}: {found} "
                                 f"{told[:200]!r} to {sent!r}")  # fmt: skip
            assert wrong == [], "\n".join(wrong)
            assert len(await house.everything()) == before

    run_virtual(main)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("airpost")]
    assert len(ours) >= CASES
    assert [line for line in ours if MARK in line] == []

"""Records of rungs: counted, timed, kept as JSON."""

from __future__ import annotations

import pytest

from airpost.modem.profile import Rung
from airpost.modem.rungs import UNKNOWN_MODEL, RungRecord, RungRecords, records_from_json


def some() -> RungRecords:
    records = RungRecords()
    for rung, took_s in ((Rung.USB, 21.46), (Rung.REOPEN, None), (Rung.USB, None)):
        records = records.noted("E3372", rung, took_s)
    return records.noted(None, Rung.REOPEN, 0.5)


def test_each_try_is_counted_for_its_model_and_rung() -> None:
    assert some().of("E3372") == {
        Rung.REOPEN: RungRecord(tried=1),
        Rung.USB: RungRecord(tried=2, healed=1, last_s=21.5),
    }
    assert list(some().of("E3372")) == [Rung.REOPEN, Rung.USB]
    assert some().of(None) == some().of(UNKNOWN_MODEL) == {
        Rung.REOPEN: RungRecord(tried=1, healed=1, last_s=0.5)
    }  # fmt: skip
    assert some().of("SIM800") == {}


def test_words_for_people() -> None:
    records = some().of("E3372")
    assert records[Rung.USB].words == "healed 1 of 2, last in 21.5 s"
    assert records[Rung.REOPEN].words == "healed 0 of 1"


def test_json_there_and_back() -> None:
    assert records_from_json(some().to_json()) == some()
    assert records_from_json(None) == RungRecords()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"E3372": 1}', '{"E3372": {"hammer": {"tried": 1}}}',
             '{"E3372": {"usb": {"tired": 1}}}'],
)  # fmt: skip
def test_what_cannot_be_read_begins_anew(text: str) -> None:
    assert records_from_json(text) == RungRecords()

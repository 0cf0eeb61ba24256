from __future__ import annotations

from hwsim.records import Never, Records


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def made() -> tuple[Records, Clock, list[str]]:
    clock, told = Clock(), list[str]()
    return Records(clock, lambda kind, _detail: told.append(kind)), clock, told


def test_a_message_that_went_well_is_no_fault() -> None:
    records, clock, told = made()
    for at in range(3):
        clock.now_s = at * 10.0
        records.line("AT+CMGS=20")
        records.prompt()
        records.ctrl_z(imei_told=True)
        records.to("+49")
        clock.now_s += 3
        records.final("OK", at)
    assert records.never == Never()
    assert [(each.cmgs_at_s, each.final_at_s, each.mr) for each in records.sends] == [
        (0.0, 3.0, 0), (10.0, 13.0, 1), (20.0, 23.0, 2),
    ]  # fmt: skip
    assert told == ["sent"] * 3


def test_a_message_before_the_imei() -> None:
    records, _, _ = made()
    records.ctrl_z(imei_told=False)  # AT+CMGW
    assert records.never.pdu_before_imei == 0
    records.line("AT+CMGS=20")
    records.ctrl_z(imei_told=False)
    assert records.never.pdu_before_imei == 1


def test_cmgs_while_open() -> None:
    records, _, _ = made()
    records.line("AT+CMGS=20")
    records.final("")  # nothing was said: still open for the host
    records.line("AT+CMGS=?")
    assert records.never.cmgs_while_open == 0
    records.line("AT+CMGS=20")
    assert records.never.cmgs_while_open == 1
    for closed in (records.given_up, records.powered_down, lambda: records.final("ERROR")):
        closed()
        records.line("AT+CMGS=20")
    assert records.never.cmgs_while_open == 1


def test_pins() -> None:
    records, _, _ = made()
    records.pin("1234", right=True)
    records.inserted()
    records.pin("1234", right=True)
    assert records.never == Never()
    records.inserted()
    records.pin("1111", right=False)
    records.pin("2222", right=False)
    assert (records.never.pin_again, records.never.wrong_pin_again) == (1, 0)
    records.inserted()
    records.pin("1111", right=False)
    assert (records.never.pin_again, records.never.wrong_pin_again) == (1, 1)
    records.changed()
    records.pin("1111", right=False)
    assert (records.never.pin_again, records.never.wrong_pin_again) == (1, 1)


def test_resets_in_the_worst_hour() -> None:
    records, clock, told = made()
    assert records.worst_hour() == 0
    for at_s in (0, 3500, 3599, 3601, 9000):
        clock.now_s = at_s
        records.reset("AT+CFUN=1,1")
    assert records.worst_hour() == 3
    assert told == ["reset"] * 5

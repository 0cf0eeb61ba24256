"""What is told of devices that come, settle, change and go, with the time given by hand."""

from __future__ import annotations

from dataclasses import replace

from airpost.modem.census import CHANGE_S, Census, Changed, Found, Gone, News
from airpost.modem.devices import SWITCH_S, Interface, Sighting, Tty
from airpost.modem.profiles import load_profiles

PROFILES = load_profiles()
SETTLE_S = PROFILES.generic.timing.settle_s


def stick(
    ports: int, usb: str = "2c7c:0125", *, interfaces: int = 4, path: str = "1-1.4",
    address: str = "7", driver: str | None = "option", cls: int = 0xFF,
) -> Sighting:  # fmt: skip
    vid, _, pid = usb.partition(":")
    return Sighting(
        usb_path=path, address=address, vid=vid, pid=pid, announced=interfaces,
        interfaces=tuple(Interface(number=at, cls=cls, subclass=0, protocol=0, driver=driver)
                         for at in range(interfaces)),
        ttys=tuple(Tty(path=f"/dev/ttyUSB{at}", node=f"/dev/ttyUSB{at}", interface=at)
                   for at in range(ports)),
    )  # fmt: skip


def said(news: list[News]) -> list[tuple[str, str, int]]:
    return [("gone", each.usb_path, 0) if isinstance(each, Gone)
            else (type(each).__name__.lower(), each.device.usb_path, len(each.device.ports))
            for each in news]  # fmt: skip


def test_a_complete_stick_is_told_at_once() -> None:
    census = Census(PROFILES)
    assert said(census.note([stick(4)], 0.0)) == [("found", "1-1.4", 4)]
    assert census.due_s() is None


def test_a_stick_that_nobody_knows_is_told_when_its_ports_have_stopped_arriving() -> None:
    census = Census(PROFILES)
    unknown = "abcd:0001"
    assert census.note([stick(1, unknown)], 10.0) == []
    assert census.due_s() == 10.0 + SETTLE_S
    assert census.note([stick(2, unknown)], 11.0) == []
    assert census.due_s() == 11.0 + SETTLE_S
    assert census.note([stick(2, unknown)], 11.0 + SETTLE_S - 0.01) == []
    assert said(census.note([stick(2, unknown)], 11.0 + SETTLE_S)) == [("found", "1-1.4", 2)]


def test_at_the_time_that_was_told_it_has_settled() -> None:
    """Also where seconds do not add up to the last bit: else it is looked at without a pause."""
    for tenths in range(200):
        census = Census(PROFILES)
        unknown = stick(1, "abcd:0001")
        census.note([unknown], tenths / 10 + 0.05)
        due_s = census.due_s()
        assert due_s is not None
        assert said(census.note([unknown], due_s)) == [("found", "1-1.4", 1)]


def test_a_look_that_comes_twice_tells_nothing_twice() -> None:
    census = Census(PROFILES)
    census.note([stick(4)], 0.0)
    assert census.note([stick(4)], 0.0) == census.note([stick(4)], 99.0) == []


def test_what_is_gone_is_told_at_once_and_never_for_what_was_not_told() -> None:
    census = Census(PROFILES)
    census.note([stick(4), stick(1, "abcd:0001", path="1-2")], 0.0)
    assert said(census.note([], 0.1)) == [("gone", "1-1.4", 0)]
    assert census.due_s() is None


def test_another_plug_between_two_looks_is_another_device() -> None:
    census = Census(PROFILES)
    census.note([stick(4)], 0.0)
    news = census.note([stick(4, address="8")], 0.1)
    assert said(news) == [("gone", "1-1.4", 0), ("found", "1-1.4", 4)]


def test_two_sticks_that_changed_places_go_before_they_come() -> None:
    census = Census(PROFILES)
    left, right = stick(4), stick(4, path="1-1.5", address="8")
    census.note([left, right], 0.0)
    swapped = [replace(left, address="10"), replace(right, address="9")]
    assert [kind for kind, _, _ in said(census.note(swapped, 1.0))] == [
        "gone", "gone", "found", "found"]  # fmt: skip


def test_a_stick_that_loses_its_ports_before_it_goes_is_told_as_gone_alone() -> None:
    census = Census(PROFILES)
    census.note([stick(4)], 0.0)
    assert census.note([stick(2, interfaces=2)], 5.0) == []
    assert census.note([stick(0, interfaces=0)], 5.2) == []
    assert said(census.note([], 5.3)) == [("gone", "1-1.4", 0)]


def test_a_change_that_lasts_is_told() -> None:
    census = Census(PROFILES)
    census.note([stick(4)], 0.0)
    assert census.note([stick(3)], 5.0) == []
    assert census.due_s() == 5.0 + CHANGE_S
    assert said(census.note([stick(3)], 5.0 + CHANGE_S)) == [("changed", "1-1.4", 3)]
    assert said(census.note([stick(4)], 9.0)) == [("changed", "1-1.4", 4)]


def test_a_disc_is_told_after_a_minute_and_what_it_becomes_as_ever() -> None:
    census = Census(PROFILES)
    disc = stick(0, "12d1:1f01", interfaces=1, cls=0x08, driver="usb-storage")
    assert census.note([disc], 0.0) == []
    assert census.due_s() == SWITCH_S
    (news,) = census.note([disc], SWITCH_S)
    assert isinstance(news, Found)
    assert news.device.remedy
    switched = stick(4, address="8")
    assert said(census.note([switched], SWITCH_S + 9)) == [
        ("gone", "1-1.4", 0), ("found", "1-1.4", 4)]  # fmt: skip


def test_a_disc_that_is_switched_in_time_is_never_told() -> None:
    census = Census(PROFILES)
    disc = stick(0, "12d1:1f01", interfaces=1, cls=0x08, driver="usb-storage")
    census.note([disc], 0.0)
    assert said(census.note([stick(4, address="8")], 9.0)) == [("found", "1-1.4", 4)]


def test_a_port_that_is_taken_from_an_adapter_is_told_with_the_remedy() -> None:
    census = Census(PROFILES)
    census.note([stick(1, "1a86:7523", interfaces=1, driver="ch341")], 0.0)
    taken = stick(0, "1a86:7523", interfaces=1, driver="usbfs")
    census.note([taken], 0.5)
    (news,) = census.note([taken], 0.5 + CHANGE_S)
    assert isinstance(news, Changed)
    assert news.device.ports == ()
    assert "brltty" in (news.device.remedy or "")


def test_ports_of_one_adapter_come_and_go_each_by_itself() -> None:
    census = Census(PROFILES)
    four = stick(4, "0403:6011", driver="ftdi_sio")
    assert [name for _, name, _ in said(census.note([four], 0.0))] == [
        "1-1.4:1.0", "1-1.4:1.1", "1-1.4:1.2", "1-1.4:1.3"]  # fmt: skip
    three = replace(four, ttys=four.ttys[:3])
    census.note([three], 1.0)
    assert said(census.note([three], 1.0 + CHANGE_S)) == [("gone", "1-1.4:1.3", 0)]
    assert len(census.note([], 3.0)) == 3


def test_only_what_is_named_where_nothing_else_is_wanted() -> None:
    census = Census(PROFILES, named_only=True)
    named = stick(4, path="1-2")
    named = replace(named, ttys=(*named.ttys[:3], replace(named.ttys[3], named=True)))
    assert said(census.note([stick(4), named], 0.0)) == [("found", "1-2", 4)]

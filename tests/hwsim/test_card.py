from __future__ import annotations

from hwsim.card import Card, CombinedStore, Slot, Store, luhn


def card(pin: str | None = None) -> Card:
    return Card(iccid="8949", imsi="262", number="+49155", smsc="+4915", sms=Store("SM", 2),
                reports=Store("SR", 1), pin=pin)  # fmt: skip


def test_slots_fill_from_the_lowest() -> None:
    store = Store("SM", 2, first=0)
    assert [store.add(Slot(pdu=p, length=1)) for p in ("a", "b", "c")] == [0, 1, None]
    assert store.full
    store.remove(0)
    store.remove(0)
    assert store.add(Slot(pdu="d", length=1)) == 0
    assert [slot.pdu for _, slot in store.items()] == ["d", "b"]
    assert [store.valid(index) for index in (-1, 0, 1, 2)] == [False, True, True, False]


def test_memories_counted_through() -> None:
    first, second = Store("SM", 1), Store("ME", 2)
    both = CombinedStore("MT", [first, second])
    assert [both.add(Slot(pdu=p, length=1)) for p in "abcd"] == [1, 2, 3, None]
    assert (both.used, both.size, first.used, second.used) == (3, 3, 1, 2)
    assert [(index, slot.pdu) for index, slot in both.items()] == [(1, "a"), (2, "b"), (3, "c")]
    found = both.get(3)
    assert found is not None
    assert found.pdu == "c"
    both.remove(2)
    assert second.get(1) is None
    assert both.get(99) is None
    both.remove(99)


def test_pin_tries_and_puk() -> None:
    locked = card("1234")
    assert locked.status == "SIM PIN"
    assert [locked.enter_pin("0000") for _ in range(3)] == [False] * 3
    assert locked.status == "SIM PUK"
    assert not locked.enter_puk("00000000", "1111")
    assert locked.puk_tries == 9
    assert locked.enter_puk("12345678", "1111")
    assert (locked.status, locked.pin_tries, locked.puk_tries) == ("READY", 3, 10)
    locked.power_up()
    assert locked.status == "SIM PIN"
    assert locked.enter_pin("1111")


def test_a_card_blocked_for_good() -> None:
    lost = card("1234")
    for _ in range(3):
        lost.enter_pin("9")
    for _ in range(10):
        lost.enter_puk("9", "1")
    assert lost.status == ""


def test_locking_later() -> None:
    plain = card()
    assert plain.status == "READY"
    plain.lock("1")
    assert plain.status == "SIM PIN"
    plain.lock(None)
    assert plain.status == "READY"


def test_check_digit() -> None:
    assert luhn("49015420323751") == "490154203237518"  # the IMEI of TS 23.003's usual example

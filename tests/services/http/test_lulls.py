"""Who has waited for their caller the longest."""

from __future__ import annotations

import asyncio

from airpost.services.http.lulls import Lulls


class Transport(asyncio.Transport):
    """One that weak references may know, as those of a loop."""


def test_the_longest_goes_first_and_once() -> None:
    now = [0.0]
    lulls = Lulls(lambda: now[0])
    one, two, three = (Transport() for _ in range(3))
    for each in (one, two, three):
        lulls.begin(each)
        now[0] += 1
    assert lulls.take_longest(4) is None
    lulls.end(one)  # a request
    assert lulls.take_longest(2) is two
    lulls.begin(one)  # its answer
    now[0] += 1
    assert lulls.take_longest(1) is three
    assert lulls.take_longest(1) is one
    assert lulls.take_longest(0) is None
    lulls.end(one)
    lulls.begin(None)


def test_a_connection_that_is_gone_is_no_longer_known() -> None:
    lulls = Lulls(lambda: 0.0)
    gone = Transport()
    lulls.begin(gone)
    del gone
    assert lulls.take_longest(0) is None

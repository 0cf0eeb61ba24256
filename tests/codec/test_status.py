"""TP-Status classes."""

from __future__ import annotations

import pytest

from airpost.codec.status import EXPIRED, StatusClass, status_class


@pytest.mark.parametrize("status", range(256))
def test_bits_6_and_5_decide(status: int) -> None:
    expected = [StatusClass.DELIVERED, StatusClass.TRYING, StatusClass.PERMANENT,
                StatusClass.TEMPORARY]  # fmt: skip
    if status >= 0x80:
        assert status_class(status) is StatusClass.RESERVED
    else:
        assert status_class(status) is expected[status // 32]


def test_expired_is_permanent() -> None:
    assert status_class(EXPIRED) is StatusClass.PERMANENT

"""What handlers are given."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from airpost.services.http.deps import DEPS, ENDED, RUNNING
from tests.services.http.conftest import Api


async def test_the_application_carries_it_and_nobody_changes_it(api: Api) -> None:
    deps = api.app[DEPS]
    assert deps.store is api.store
    assert not api.app[ENDED].is_set()
    assert api.app[RUNNING]
    with pytest.raises(FrozenInstanceError):
        deps.store = None  # type: ignore[misc,assignment]

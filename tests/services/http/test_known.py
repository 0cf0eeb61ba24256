"""The names there are, in words of a bounded length."""

from __future__ import annotations

import pytest

from airpost.services.http.known import LONGEST, MOST, there
from tests.services.http.conftest import Api


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "there is none"),
        (["a"], "there is a"),
        (["b", "a"], "there are a, b"),
        (
            [f"{n:02}" for n in range(MOST + 2)],
            f"there are {', '.join(f'{n:02}' for n in range(MOST))} and 2 more",
        ),
    ],
)
def test_names_are_listed(names: list[str], words: str) -> None:
    assert there(names) == words


def test_of_some_only_it_says_that_there_are_more() -> None:
    assert there(["a", "b"], whole=False) == "there are a, b and more"


def test_long_names_make_it_no_longer() -> None:
    assert len(there(["x" * 9999])) < LONGEST + 20
    told = there([f"{n}{'x' * 150}" for n in range(9)])
    assert len(told) < LONGEST + 50
    assert told.endswith(" and 7 more")


async def test_whoever_names_none_of_them_is_told_which_there_are(api: Api) -> None:
    for path in ("/v1/modems/gate-9", "/v1/modems/gate-9/queue", "/v1/modems/gate-9/pause"):
        method = "POST" if path.endswith("pause") else "GET"
        told = await api.call(method, path, 404)
        assert told["detail"] == "no modem has this name: there is gate-1"
    wrong = {"modem": "gate-9"}, {"route": "roof"}
    words = ("modem: no modem has this name: there is gate-1",
             "route: no modem serves this route: there is default")  # fmt: skip
    for fields, detail in zip(wrong, words, strict=True):
        body = {"to": "+491701234567", "text": "x", **fields}
        assert (await api.call("POST", "/v1/messages", 400, json=body))["detail"] == detail
        assert (await api.call("POST", "/v1/batches", 400, json={**body, "to": [body["to"]]}))[
            "detail"
        ] == detail
    moved = {"from": "gate-9", "to": None}
    told = await api.call("POST", "/v1/queue/move", 400, json=moved)
    assert told["detail"].endswith(
        "nothing waits for it, and no modem has this name: there is gate-1"
    )
    told = await api.call("GET", "/v1/groups/night", 404)
    assert told["detail"].endswith("belongs to somebody else: there is none")

"""The service with one call more, for a bench: `POST /bench/rows` takes a text and many numbers.

It stands for the batches that are to come: what a message goes through on its way from a request
into the store, for each number, by the store's own way for many.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from airpost.daemon.cli.main import main
from airpost.services.http import app, messages
from airpost.services.http.body import answer
from airpost.services.http.credentials import Caller, Scope
from airpost.services.http.deps import DEPS
from airpost.services.http.schemas import SendIn
from airpost.store.intake import ROWS

TURN = 10  # messages between two turns of the loop


async def rows(request: web.Request, caller: Caller) -> web.Response:
    """Take `count` messages of class bulk, to numbers from `first` on."""
    deps = request.app[DEPS]
    asked = await request.json()
    for at in range(asked["first"], asked["first"] + asked["count"], ROWS):
        piece = []
        for n in range(at, at + ROWS):
            given = SendIn.model_validate({"to": f"+4917{n:08d}", "text": asked["text"]})
            piece.append(messages.compose(given, caller, deps))
            if n % TURN == 0:
                await asyncio.sleep(0)
        await deps.store.accept(piece)
    return answer({"accepted": asked["count"]})


if __name__ == "__main__":
    app.CALLS += (("POST", "/bench/rows", Scope.SEND, rows),)  # type: ignore[misc]
    main()

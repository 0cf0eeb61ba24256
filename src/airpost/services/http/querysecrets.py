"""No credentials in an address: what they are called there, and what they look like.

May import aiohttp and its neighbours. Addresses end up in logs of proxies, in histories and in
referrers; whoever sends a key in one is told so, and nothing of it is kept.
"""

from __future__ import annotations

from aiohttp import web

from airpost.services.http.audited import note_refusal
from airpost.services.http.credentials import holds_token
from airpost.services.http.problems import Refusal

# Compared without "-" and "_", in small letters.
NAMES = frozenset(
    """
    token accesstoken authtoken bearer bearertoken authorization auth apikey accesskey secret
    clientsecret secretkey password passwd passphrase pass pwd credential credentials jwt
    """.split()  # noqa: SIM905 - a block is easier to read than twenty quoted names
)
FREE = "/hooks/"  # a device names its parameters as it likes: there only a key of ours is refused


def refuse_credentials(request: web.Request) -> None:
    """Refuse a query string that holds credentials."""
    if request.query_string:
        try:
            _check(request)
        except Refusal as error:
            note_refusal(request, None, error)
            raise


def _check(request: web.Request) -> None:
    if holds_token(request.query_string):
        raise _refused("holds a key")
    if request.path.startswith(FREE):
        return
    for name, value in request.query.items():
        if holds_token(value) or holds_token(name):
            raise _refused("holds a key")
        if name.replace("-", "").replace("_", "").casefold() in NAMES:
            raise _refused("has a parameter for credentials", name)


def _refused(words: str, name: str | None = None) -> Refusal:
    return Refusal(
        "credentials-in-query",
        f"the query string {words}; send Authorization: Bearer ap_… instead, and give the key "
        "another secret if it was a real one",
        errors=[] if name is None else [(name, "is for credentials")],
    )

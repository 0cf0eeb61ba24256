"""The path of a request as logs may show it: numbers masked, names of people and tokens left out.

May import aiohttp and L0.
"""

from __future__ import annotations

from aiohttp import web

from airpost.model import masked
from airpost.services.http.credentials import holds_token


def shown_path(request: web.Request) -> str:
    """What stands in a log; its query never does."""
    path = request.path
    if holds_token(path):
        resource = request.match_info.route.resource
        return "…" if resource is None else resource.canonical
    if path.startswith("/v1/contacts/"):
        return "/v1/contacts/…"  # who people are stands in no log
    if path.startswith("/hooks/"):
        return "/".join(path.split("/")[:4])  # what follows the name of a hook is its token
    number = request.match_info.get("number")
    return path if number is None else path.replace(number, masked(number))

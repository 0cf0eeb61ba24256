"""What callers ask and how long that takes, counted for `/metrics`.

May import aiohttp and L0. By the template of a call, never by its path: that may hold a number.
"""

from __future__ import annotations

from collections import Counter

from aiohttp import hdrs, web

from airpost.histogram import Histogram
from airpost.services.http.problems import PROBLEM

TOOK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
OTHER = "other"  # a method that HTTP does not have: anybody may make one up


class Traffic:
    """Of one application. A call that does not exist has the template ''."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()  # method, template, status
        self.took: dict[tuple[str, str], Histogram] = {}  # seconds by method and template
        self.problems: Counter[str] = Counter()  # by the name of their kind

    def answered(
        self, request: web.BaseRequest, response: web.StreamResponse, took_s: float
    ) -> None:
        """A request has its answer."""
        found = request.match_info if isinstance(request, web.Request) else None
        resource = None if found is None else found.route.resource
        method = request.method if request.method in hdrs.METH_ALL else OTHER
        call = (method, "" if resource is None else resource.canonical)
        self.requests[*call, response.status] += 1
        took = self.took.get(call)
        if took is None:
            took = self.took[call] = Histogram(TOOK_S)
        took.observe(took_s)
        if response.status >= 400 and (problem := response.get(PROBLEM)) is not None:
            self.problems[problem] += 1


TRAFFIC = web.AppKey("traffic", Traffic)

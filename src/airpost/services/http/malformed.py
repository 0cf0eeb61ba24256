"""What is no HTTP: one line in the log, and a problem for the caller, as for every other mistake.

May import aiohttp. Behind the first words of aiohttp's complaint stands what was sent, which may be
a secret: no more than these is told or logged.
"""

from __future__ import annotations

import logging
import re

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from airpost.services.http.problems import Refusal, problem_response


class Speaker(web.RequestHandler):
    """aiohttp's side of one connection, whose own answers are problems too."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer where there is no request to handle, or handling it failed; then the end."""
        super().handle_error(request, status, exc, message)  # logs; raises behind an answer begun
        if status < 500:
            words = first_words(message or "it cannot be read")
            given = Refusal("invalid-request", f"request: {words}", errors=[("request", words)])
        else:
            given = Refusal("internal-error", "see the log of the service")
        answer = problem_response(given)
        answer.force_close()
        return answer


def first_words(message: str) -> str:
    """What was wrong, without what was sent."""
    return " ".join(re.split(r"[:\n]", message, maxsplit=1)[0].split())


def briefly(record: logging.LogRecord) -> bool:
    """What is no HTTP is one line, not an error of ours with its traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, web.RequestPayloadError):  # what is left of a body that was refused
        error = HttpProcessingError(message="a body that cannot be read")
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = "http.malformed %s", (first_words(error.message),)
        record.exc_info = None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


logging.getLogger("aiohttp.server").addFilter(briefly)

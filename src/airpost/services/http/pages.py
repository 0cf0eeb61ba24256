"""Pages for people: the viewer of the interface, and one for each type of problem.

May import aiohttp, markdown-it and L0. All of it comes from this package, and the policy of each
page allows no other host, and no script or style that stands in the page itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

from aiohttp import web
from markdown_it import MarkdownIt

from airpost.services.http.operations import Example, Media, operation
from airpost.services.http.problems import KINDS, Refusal

STATIC = Path(__file__).parent / "static"
HTML = "text/html"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # kept, and asked for again: the files change with the version
}
# What /docs consists of; Swagger UI is that of its makers, without its source maps.
FILES: Mapping[str, str] = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "viewer.js": "text/javascript",
    "pages.css": "text/css",
    "LICENSE": "text/plain",
    "NOTICE": "text/plain",
    "swagger-ui-bundle.js.LICENSE.txt": "text/plain",
}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="/docs/pages.css">
</head>
<body>
{body}
<p><a href="/problems">All problems</a> · <a href="/docs">The interface</a></p>
</body>
</html>
"""


@operation(
    "getDocs", "This interface in a browser", answers={200: Media(type=HTML, words="A page")}
)
async def viewer(_request: web.Request) -> web.StreamResponse:
    """`GET /docs`."""
    return _file("index.html", HTML)


@operation(
    "getDocsFile",
    "A file of that page",
    answers={200: Media(type="*/*", words="The file, by its own content type")},
    example=Example(path={"file": "pages.css"}),
)
async def file(request: web.Request) -> web.StreamResponse:
    """`GET /docs/{file}`."""
    name = request.match_info["file"]
    if name not in FILES:
        raise Refusal("not-found", "the viewer has no such file")
    return _file(name, FILES[name])


@operation(
    "listProblems",
    "All types of problems",
    answers={200: Media(type=HTML, words="A page with a link to each")},
)
async def problems(_request: web.Request) -> web.Response:
    """`GET /problems`."""
    rows = "\n".join(
        f'<tr><td>{kind.status}</td><td><a href="/problems/{name}">{name}</a></td>'
        f"<td>{escape(kind.title)}</td></tr>"
        for name, kind in KINDS.items()
    )
    return _page("Problems", f"<h1>Problems</h1>\n<table>\n{rows}\n</table>")


@operation(
    "getProblem",
    "What a type of problem means, and what to do",
    answers={200: Media(type=HTML, words="A page")},
    example=Example(path={"problem": "too-many-parts"}),
)
async def problem(request: web.Request) -> web.Response:
    """`GET /problems/{problem}`, by the last part of its type."""
    kind = KINDS.get(request.match_info["problem"])
    if kind is None:
        raise Refusal("not-found", "there is no problem of this name")
    return _page(kind.title, _written(kind.name))


@cache
def _written(name: str) -> str:
    text = (STATIC / "problems" / f"{name}.md").read_text(encoding="utf-8")
    return str(MarkdownIt("commonmark", {"html": False}).render(text))


def _page(title: str, body: str) -> web.Response:
    return web.Response(
        text=_PAGE.format(title=escape(title), body=body), content_type=HTML, headers=HEADERS
    )


def _file(name: str, kind: str) -> web.FileResponse:
    return web.FileResponse(
        STATIC / "docs" / name, headers={**HEADERS, "Content-Type": f"{kind}; charset=utf-8"}
    )

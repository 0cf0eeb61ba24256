"""The layers of docs/ARCHITECTURE.md, held: nothing imports what it must not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {"airpost": ROOT / "src" / "airpost", "hwsim": ROOT / "hw-sim" / "hwsim"}

L0 = {
    f"airpost.{name}"
    for name in ("apikey", "audit", "errors", "outcome", "clock", "histogram", "states", "model",
                 "numbering", "outage", "policy", "received", "regions", "routes", "schedule",
                 "tasks")
}  # fmt: skip
PURE_L0 = {"airpost.errors", "airpost.outcome"}
STORE = {
    "airpost.store.api",
    "airpost.store.auditing",
    "airpost.store.keeping",
    "airpost.store.batching",
    "airpost.store.people",
    "airpost.store.publishing",
    "airpost.store.routing",
}
EVERYTHING = {"airpost", "hwsim"}

# Package → what of ours it may import, itself always included.
ALLOWED: dict[str, set[str]] = {
    "airpost.errors": set(),
    "airpost.shapes": set(),
    "airpost.client": {"airpost.errors", "airpost.shapes"},
    "airpost.outcome": set(),
    "airpost.clock": set(),
    "airpost.apikey": {"airpost.clock"},
    "airpost.audit": {"airpost.clock"},
    "airpost.histogram": set(),
    "airpost.tasks": {"airpost.clock"},
    "airpost.states": {"airpost.errors"},
    "airpost.model": {"airpost.clock", "airpost.outcome", "airpost.states"},
    "airpost.numbering": set(),
    "airpost.outage": set(),
    "airpost.received": {"airpost.clock", "airpost.model", "airpost.outcome"},
    "airpost.regions": set(),
    "airpost.policy": {"airpost.model"},
    "airpost.routes": {"airpost.model", "airpost.numbering", "airpost.regions"},
    "airpost.schedule": {"airpost.clock"},
    "airpost.codec": PURE_L0,
    "airpost.at": PURE_L0,
    "airpost.store": L0 | {"airpost.codec.join", "airpost.codec.times"},
    "airpost.modem": L0 | {"airpost.at", "airpost.codec"},
    "airpost.pool": L0 | STORE | {"airpost.codec", "airpost.modem.api"},
    "airpost.services": L0 | STORE | {"airpost.codec", "airpost.pool.facade"},
    "airpost.daemon": EVERYTHING,
    "airpost": set(),
    "hwsim": {"airpost.codec"} | PURE_L0,
}
# Third-party packages that only some files may know.
CONFINED = {
    "serial": {"airpost.modem.port"},
    "serial_asyncio": {"airpost.modem.port"},
    "pyudev": {"airpost.modem.discover"},
    "sqlite3": {"airpost.store"},
    "sqlite_utils": {"airpost.store"},
    "httpcore": {"airpost.client"},
    "aiohttp": {
        "airpost.services.http",
        "airpost.services.webhooks",
        "airpost.daemon",
    },
    "pydantic": {
        "airpost.services.http.schemas",
        "airpost.services.http.event_schemas",
        "airpost.services.http.key_schemas",
        "airpost.services.http.nulls",
        "airpost.services.http.people_schemas",
        "airpost.services.http.shapes",
        "airpost.services.http.openapi",
        "airpost.daemon.config",
    },
    "markdown_it": {"airpost.services.http.pages"},
    "anyascii": {"airpost.codec.transliterate"},
    "cronsim": {"airpost.schedule"},
    "prometheus_client": {"airpost.services"},
    "jinja2": {"airpost.services.templates"},
    "standardwebhooks": {"airpost.services.webhooks.envelope"},
    "phonenumbers": {"airpost.numbering", "airpost.pool.zones"},
    "click": {"airpost.daemon.cli"},
    "rich": {"airpost.daemon.cli"},
}
NO_ASYNCIO = ("airpost.codec", "airpost.at", "airpost.states", "airpost.pool.window",
              "airpost.pool.route", "airpost.pool.retry", "airpost.pool.order",
              "airpost.pool.capacity", "airpost.pool.reserve", "airpost.pool.budget",
              "airpost.pool.limits", "airpost.pool.sendwindow", "airpost.schedule",
              "airpost.numbering", "airpost.routes")  # fmt: skip
NO_LOGGING = ("airpost.codec", "airpost.at")


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            yield ".".join(part for part in parts if part != "__init__"), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}" if node.module else alias.name


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def room_of(module: str) -> str:
    """The longest key of ALLOWED that holds the module; the bare package only by its own name."""
    fits = [key for key in ALLOWED if within(module, key) and (key != "airpost" or module == key)]
    assert fits, f"{module} stands in no layer: add it to ALLOWED"
    return max(fits, key=len)


def wrong_imports(module: str, names: Iterator[str]) -> list[str]:
    room = room_of(module)
    wrong = []
    for name in names:
        ours = name.split(".")[0] in SOURCES
        if ours and not any(within(name, ok) for ok in ALLOWED[room] | {room}):
            wrong.append(f"{room} may not import {name}")
        for package, holders in CONFINED.items():
            if within(name, package) and not any(within(module, holder) for holder in holders):
                wrong.append(f"only {', '.join(sorted(holders))} may import {package}")
        if within(name, "asyncio") and any(within(module, pure) for pure in NO_ASYNCIO):
            wrong.append("asyncio in a pure layer")
        if within(name, "logging") and any(within(module, pure) for pure in NO_LOGGING):
            wrong.append("logging in a pure layer")
    return wrong


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: str(value)[-40:])
def test_imports_stay_in_their_layer(module: str, path: Path) -> None:
    assert wrong_imports(module, imports(path)) == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("airpost.codec.udh", "airpost.at.channel"),
        ("airpost.codec.udh", "asyncio"),
        ("airpost.at.channel", "logging"),
        ("airpost.services.http.app", "airpost.modem.unit"),
        ("airpost.modem.session", "serial"),
        ("airpost.store.sqlite", "airpost.codec.tpdu"),
        ("hwsim.interpreter", "airpost.at.channel"),
        ("airpost.pool.pool", "airpost.store.sqlite"),
    ],
)
def test_the_check_itself_finds_what_is_wrong(module: str, name: str) -> None:
    assert wrong_imports(module, iter([name]))


def test_files_stay_small() -> None:
    long = {module: lines for module, path in modules()
            if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 450}  # fmt: skip
    assert long == {}

"""The command hw-sim: start modems, and talk to modems that have been started.

Stdlib and hwsim. The one file that knows the wall clock and prints.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from errno import EMFILE
from pathlib import Path
from typing import Any

from hwsim.control import SOCKET_NAME, VERBS, Control
from hwsim.personality import names
from hwsim.pool import REPORT_DELAY_S, SimPool

ANSWER_S = 10.0


def _usage(verb: str) -> str:
    known = VERBS[verb]
    params = (f"[{p.upper()}]" if p in known.optional else p.upper() for p in known.params)
    return " ".join([verb, *params])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hw-sim",
        description="Start simulated GSM modems on pseudo-terminals and keep them until Ctrl-C.",
        epilog="In a second terminal, hw-sim ctl --dir D COMMAND plays the network and the hands "
        "on the cable: messages, faults, unplugging. hw-sim ctl --help lists the commands.",
    )
    parser.add_argument(
        "--dir", type=Path, required=True, metavar="D",
        help="where the ports D/modem0, D/modem1, … and the control socket are made",
    )  # fmt: skip
    parser.add_argument("--modems", type=int, default=1, metavar="N", help="how many (1)")
    parser.add_argument(
        "--personality", nargs="+", default=["generic"], choices=names(), metavar="NAME",
        help=f"makes of modem, given round robin (generic): {', '.join(names())}",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N",
        help="the same number gives the same identities, losses and air times (0)",
    )  # fmt: skip
    parser.add_argument(
        "--air-ms", type=int, metavar="N",
        help="how long a message part is on the air (random around 3500, rarely up to 60000)",
    )  # fmt: skip
    parser.add_argument(
        "--report-ms", type=int, default=round(REPORT_DELAY_S * 1000), metavar="N",
        help="from a delivery to its report (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--boot-ms", type=int, default=0, metavar="N",
        help="how long a modem is deaf after power-up (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--usb", action="store_true",
        help="with a made-up /sys and /dev in D: all ports of the sticks, and their switches",
    )  # fmt: skip
    parser.add_argument(
        "--events", action="store_true", help="print what happens, one JSON object a line"
    )
    return parser


def _ctl_parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {_usage(verb):32}{each.text}" for verb, each in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="hw-sim ctl",
        description="Do something to modems that hw-sim --dir D has started. Answers are JSON.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"commands:\n{commands}\n\nhw-sim ctl --dir D faults lists all faults there are.",
    )
    parser.add_argument("--dir", type=Path, required=True, metavar="D", help="as they were given")
    parser.add_argument("command", choices=list(VERBS), metavar="COMMAND", help="one of below")
    parser.add_argument("arguments", nargs="*", metavar="ARG", help="what the command takes")
    return parser


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_recording(path: Path, name: str | None) -> Any:
    """The steps in a file: a list, an object with `steps`, or such objects with an `id` a line.

    OSError and ValueError say what is wrong with it.
    """
    text = path.read_text(encoding="utf-8")
    try:
        whole = json.loads(text)
    except ValueError:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        found = [row for row in rows if row.get("id") == name]
        if not found:
            raise ValueError(f"{path} has {len(rows)} recordings; name one by its id") from None
        whole = found[0]
    return whole["steps"] if isinstance(whole, dict) and "steps" in whole else whole


def request_of(command: str, arguments: Sequence[str]) -> dict[str, Any]:
    """The request for a command line; OSError and ValueError when the arguments do not fit."""
    verb = VERBS[command]
    request: dict[str, Any] = {"do": command}
    request.update(zip(verb.params, arguments, strict=False))
    needed = [param for param in verb.params if param not in verb.optional]
    if len(arguments) < len(needed):
        raise ValueError(f"usage: {_usage(command)}")
    rest = arguments[len(verb.params) :]
    if rest:
        if command not in ("fault", "network") or not all("=" in each for each in rest):
            raise ValueError(f"usage: {_usage(command)}")
        pairs = (each.partition("=") for each in rest)
        request["params"] = {name: _value(value) for name, _, value in pairs}
    if command == "replay":
        request["steps"] = read_recording(Path(request["steps"]), request.pop("id", None))
    return request


def ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the socket at `path` and wait for its answer; OSError when it is dead."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(ANSWER_S)
        line.connect(str(path))
        line.sendall(json.dumps(request).encode() + b"\n")
        with line.makefile("rb") as answers:
            got = answers.readline()
    if not got:
        raise ConnectionError(f"{path} closed without an answer")
    answer: dict[str, Any] = json.loads(got)
    return answer


def _control(arguments: Sequence[str]) -> int:
    parser = _ctl_parser()
    options = parser.parse_args(arguments)
    try:
        request = request_of(options.command, options.arguments)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    try:
        answer = ask(options.dir / SOCKET_NAME, request)
    except OSError as error:
        print(
            f"hw-sim: no modems answer in {options.dir}: {error.strerror or error}; "
            f"hw-sim --modems 1 --dir {options.dir} starts them",
            file=sys.stderr,
        )
        return 3
    if not answer["ok"]:
        print(f"hw-sim: {answer['error']}", file=sys.stderr)
        return 1
    if answer["result"] is not None:
        print(json.dumps(answer["result"], indent=2, ensure_ascii=False))
    return 0


def _tell(source: str, kind: str, detail: dict[str, object]) -> None:
    event = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "source": source}
    print(json.dumps({**event, "kind": kind, **detail}, ensure_ascii=False), flush=True)


def _ignore(_source: str, _kind: str, _detail: dict[str, object]) -> None:
    pass


async def _serve(options: argparse.Namespace) -> None:
    pool = SimPool(
        options.dir,
        options.modems,
        seed=options.seed,
        personalities=options.personality,
        air_s=None if options.air_ms is None else options.air_ms / 1000,
        report_delay_s=options.report_ms / 1000,
        boot_s=options.boot_ms / 1000,
        usb=options.usb,
        start_us=time.time_ns() // 1000,
        on_event=_tell if options.events else _ignore,
    )
    control = Control(pool)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await pool.start()
    try:
        await control.start()
        for modem in pool.modems:
            print(
                f"{modem.port}  {modem.pty.device}  {modem.personality.name}  {modem.number}",
                flush=True,
            )
        await ended.wait()
    finally:
        await control.stop()
        await pool.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point; the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["ctl"]:
        return _control(given[1:])
    parser = _parser()
    options = parser.parse_args(given)
    if options.modems < 1:
        parser.error("--modems must be at least 1")
    limits = {"--air-ms": options.air_ms, "--report-ms": options.report_ms,
              "--boot-ms": options.boot_ms}  # fmt: skip
    for name, ms in limits.items():
        if ms is not None and ms < 0:
            parser.error(f"{name} cannot be negative")
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        more = "; a modem takes two descriptors, see ulimit -n" if error.errno == EMFILE else ""
        print(f"hw-sim: {error}{more}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

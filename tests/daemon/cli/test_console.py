"""`airpost at console`: typed and piped, refused, traced."""

from __future__ import annotations

from airpost.errors import CommandFailed, CommandTimeout
from airpost.model import Lane, Way, WireLine
from tests.daemon.cli.conftest import Service
from tests.services.http.fakes import NOW

GATE = Lane("gate-1")


def test_lines_in_answers_out(service: Service) -> None:
    service.pool.answers |= {"AT+CSQ": ("+CSQ: 20,99",), "ATI": ("Maker", "Model")}
    done = service.run("at", "console", "gate-1", text="AT+CSQ\n\nATI\nexit\nAT+CREG?\n")
    assert done.stdout.splitlines() == ["+CSQ: 20,99", "OK", "Maker", "Model", "OK"]
    assert service.pool.asked == [(GATE, "AT+CSQ"), (GATE, "ATI")]


def test_an_error_of_the_modem_is_shown_as_it_says_it(service: Service) -> None:
    service.pool.answers |= {
        "AT+CPIN?": CommandFailed("CME", 10, "10"),
        "AT+X?": CommandFailed("ERROR", None, "ERROR"),
        "AT+Y?": CommandFailed("CMS", None, "SIM busy"),
    }
    done = service.run("at", "console", "gate-1", text="AT+CPIN?\nAT+X?\nAT+Y?\n", code=1)
    assert done.stdout.splitlines() == ["+CME ERROR: 10", "ERROR", "+CMS ERROR: SIM busy"]


def test_what_would_break_the_service_needs_force(service: Service) -> None:
    commands = "AT+CMGS=20\nATZ\nAT+CFUN=1,1\nAT+CPIN=1234\n"
    done = service.run("at", "console", "gate-1", text=commands, code=1)
    assert done.stderr.count("not sent: ") == 4
    assert "--force" in done.stderr
    assert service.pool.asked == []
    service.pool.answers["ATZ"] = ()
    done = service.run("at", "console", "gate-1", "--force", text="ATZ\n")
    assert done.stdout == "OK\n"


def test_one_that_is_not_answered_does_not_end_it(service: Service) -> None:
    service.pool.answers |= {"AT+X?": CommandTimeout("AT+X? was not answered"), "AT": ()}
    done = service.run("at", "console", "gate-1", text="AT+X?\nAT\n", code=1)
    assert "was not answered" in done.stderr
    assert done.stdout == "OK\n"


def test_the_wire_is_shown_from_where_it_began(service: Service) -> None:
    service.pool.wires[GATE] = (WireLine(at=NOW, way=Way.SENT, text="AT+OLD"),)
    service.pool.answers |= {"AT": (), "ATI": ()}
    done = service.run("at", "console", "gate-1", "--trace", text="AT\nATI\n")
    assert done.stdout.splitlines() == [
        "OK", "  03:04:05.678 >> AT", "OK", "  03:04:05.678 >> ATI"]  # fmt: skip


def test_a_modem_that_is_not_there(service: Service) -> None:
    assert "no modem" in service.run("at", "console", "gate-9", text="AT\n", code=1).stderr


def test_it_is_for_admins(service: Service) -> None:
    key = service.store.new_key("shop", "read")["Authorization"].split()[1]
    done = service.run("at", "console", "gate-1", "--key", key, text="AT\n", code=1)
    assert "admin" in done.stderr

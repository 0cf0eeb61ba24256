"""`airpost schedules`."""

from __future__ import annotations

from tests.daemon.cli.conftest import Service


def test_made_listed_and_deleted(service: Service) -> None:
    given = ("0 8 * * mon-fri", "+491701234567", "good morning", "--zone", "Europe/Berlin")
    made = service.run("schedules", "create", *given, "--class", "alarm", "--late", "60").stdout
    id_, words = made.strip().split(" ", 1)
    assert words == "next at 2026-01-02 07:00:00 UTC"
    (listed,) = service.json("schedules", "list")
    assert listed["message"] == {
        "to": "+491701234567", "text": "good morning", "class": "alarm",
    }  # fmt: skip
    assert listed["late_s"] == 60
    assert "0 8 * * mon-fri" in service.run("schedules", "list").stdout
    assert service.run("schedules", "delete", id_).stdout == f"{id_} deleted\n"
    assert service.json("schedules", "list") == []


def test_what_is_wrong_is_said(service: Service) -> None:
    failed = service.run("schedules", "create", "8am", "+491701234567", "x", "--zone", "UTC",
                         code=1)  # fmt: skip
    assert "five fields" in failed.output

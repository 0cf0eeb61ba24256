"""`airpost groups`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.daemon.cli.conftest import Service


def test_a_group_is_made_changed_and_removed(service: Service) -> None:
    service.run("contacts", "add", "Ann", "12345")
    said = service.run("groups", "set", "Night", "contact:Ann", "54321", "--note", "22 to 6").stdout
    assert said == "group:Night has 2 members\n"
    assert service.run("groups", "add", "night", "111").stdout == "group:night has 3 members\n"
    assert service.run("groups", "drop", "night", "CONTACT:ann").stdout.endswith("2 members\n")
    assert "is not in" in service.run("groups", "drop", "night", "999", code=1).output
    shown = service.run("groups", "show", "night").stdout
    assert "member: 54321\nmember: 111\n" in shown
    assert "note: 22 to 6\n" in shown
    (night,) = service.json("groups", "list")
    assert service.json("groups", "show", "night") == [night]
    assert "night" in service.run("groups", "list").stdout
    service.run("groups", "remove", "night")
    service.run("groups", "remove", "night", code=1)
    assert "contact 'Eve'" in service.run("groups", "set", "x", "contact:Eve", code=1).output


def test_what_changes_is_told_as_json_too(service: Service) -> None:
    (ann,) = service.json("contacts", "add", "Ann", "12345")
    assert (ann["name"], ann["number"]) == ("Ann", "12345")
    (made,) = service.json("groups", "set", "night", "contact:Ann")
    (more,) = service.json("groups", "add", "night", "54321")
    (less,) = service.json("groups", "drop", "night", "contact:Ann")
    assert [each["members"] for each in (made, more, less)] == [
        ["contact:Ann"], ["contact:Ann", "54321"], ["54321"],
    ]  # fmt: skip
    sheet = "group,member\nday,12345\nbad,contact:Eve\n"
    said = service.run("groups", "import", "-", "--json", text=sheet, code=1)
    done = json.loads(said.stdout)
    assert (done["groups"], done["new"], said.stderr) == (1, 1, "")
    assert [(each["row"], each["field"]) for each in done["rejected"]] == [(1, "members.0")]
    assert service.json("blocklist", "add", "+491701234567")[0]["numbers"] == 1


def test_a_file_goes_in_and_comes_out(service: Service, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    sheet = "group,member,note\nday,12345,\nday,54321,by day\nempty,,\nbad,contact:Eve,\n"
    said = service.run("groups", "import", "-", text=sheet, code=1)
    assert said.stdout == "2 kept, 2 of them new, 1 could not be\n"
    assert said.stderr == "row 3: members.0: there is no contact 'Eve'\n"
    service.run("groups", "export", str(out))
    assert out.read_text() == ("group,member,note\nday,12345,by day\nday,54321,by day\nempty,,\n")
    assert service.run("groups", "import", str(out)).stdout == "2 kept, 0 of them new\n"


def test_a_file_larger_than_a_request_goes_in_parts(service: Service) -> None:
    rows = "".join(f"g{at % 40},{1_000_000_000_000 + at}\n" for at in range(20_000))
    sheet = f"group,member\n{rows}bad,contact:Eve\n"
    said = service.run("groups", "import", "-", text=sheet, code=1)
    assert said.stdout == "40 kept, 40 of them new, 1 could not be\n"
    assert said.stderr == "row 41: members.0: there is no contact 'Eve'\n"
    assert {len(each["members"]) for each in service.json("groups", "list")} == {500}

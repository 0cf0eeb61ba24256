"""`airpost contacts`."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.cli.conftest import Service

ONE = "+491701234567"


def test_people_are_added_listed_and_removed(service: Service) -> None:
    said = service.run("contacts", "add", "Ann", "0049 170 1234567", "--note", "on call",
                       "--value", "shift=night").stdout  # fmt: skip
    assert said == f"contact:Ann is {ONE}\n"
    (ann,) = service.json("contacts", "list")
    assert (ann["values"], ann["note"]) == ({"shift": "night"}, "on call")
    assert ONE in service.run("contacts", "list").stdout
    service.run("contacts", "add", "Bob", "12345", "--owner", "plant")
    assert [each["name"] for each in service.json("contacts", "list", "--owner", "plant")] == [
        "Bob"
    ]
    assert "removed" in service.run("contacts", "remove", "ann").stdout
    service.run("contacts", "remove", "ann", code=1)
    service.run("contacts", "remove", "bob", code=1)
    service.run("contacts", "remove", "bob", "--owner", "plant")
    assert service.store.people.known == {}


def test_a_file_goes_in_and_comes_out(service: Service, tmp_path: Path) -> None:
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = "".join(f"P{n},{10_000 + n},night\n" for n in range(600))
    file.write_text(f"name,number,shift\n{rows}Eve,letters,\n")
    said = service.run("contacts", "import", str(file), code=1)
    assert said.stdout == "600 kept, 600 of them new, 1 could not be\n"
    assert said.stderr.startswith("row 601: number: ")
    assert service.run("contacts", "export", str(out)).stdout == f"600 written to {out}\n"
    text = out.read_text()
    assert text.startswith("name,number,note,shift\nP0,10000,,night\n")
    again = service.run("contacts", "import", "-", text=text)
    assert again.stdout == "600 kept, 0 of them new\n"
    assert service.run("contacts", "export", "-").stdout.startswith("name,number,note,shift")


def test_mistakes(service: Service, tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("name,phone\n")
    said = service.run("contacts", "import", str(tmp_path / "odd"), code=2)
    assert "lacks number" in said.output
    service.run("contacts", "add", "Ann", "12345", "--value", "shift", code=2)
    assert "number" in service.run("contacts", "add", "Ann", "letters", code=1).output

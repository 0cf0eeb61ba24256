"""`airpost blocklist`."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.cli.conftest import Service

ONE, TWO = "+491701234567", "+491701234568"


def test_numbers_are_added_listed_and_removed(service: Service) -> None:
    service.store.blocklist.failed = 3
    said = service.run("blocklist", "add", ONE, TWO, "--note", "asked us to").stdout
    assert said == "2 on the list; 3 messages that waited for them failed\n"
    table = service.run("blocklist", "list").stdout
    assert ONE in table
    assert "asked us to" in table
    assert [each["number"] for each in service.json("blocklist", "list")] == [ONE, TWO]
    assert "may be texted again" in service.run("blocklist", "remove", ONE).stdout
    assert service.run("blocklist", "remove", ONE, code=1)
    assert list(service.store.blocklist.entries) == [TWO]


def test_a_file_is_read_line_by_line(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "stop.csv"
    file.write_text(f"# who asked us\n{ONE},Ann\n\n{TWO}   # Bob\n{ONE}\n")
    assert service.run("blocklist", "import", str(file)).stdout == "2 on the list\n"
    assert sorted(service.store.blocklist.entries) == [ONE, TWO]
    service.run("blocklist", "import", "-", text=f"{ONE}0\n")
    assert ONE + "0" in service.store.blocklist.entries


def test_a_file_as_spreadsheets_save_it(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "stop.csv"
    file.write_bytes(f"{ONE},Jörg\r\n{TWO}\r\n".encode("utf-8-sig"))
    assert service.run("blocklist", "import", str(file)).stdout == "2 on the list\n"
    file.write_bytes(f"{ONE},J\u00f6rg\n".encode("latin-1"))
    done = service.run("blocklist", "import", str(file), code=2)
    assert f"{file} is not UTF-8" in done.stderr


def test_many_numbers_go_in_several_requests(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "many"
    file.write_text("\n".join(f"+4917000{n:05d}" for n in range(1500)))
    said = service.run("blocklist", "import", str(file)).stdout
    assert said == "1000 on the list\n500 on the list\n"
    assert len(service.store.blocklist.entries) == 1500


def test_a_mistake_in_a_file_is_told_with_its_line(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "stop.csv"
    many = "\n".join(f"+4917000{n:05d}" for n in range(1000))
    file.write_text(f"# who asked us\n{many}\n{ONE}\n\n{ONE}\nletters\n{TWO}\n")
    done = service.run("blocklist", "import", str(file), code=1)
    assert f"{file}, line 1005: " in done.stderr
    assert "numbers." not in done.output
    assert len(service.store.blocklist.entries) == 1000


def test_mistakes(service: Service, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nobody\n")
    service.run("blocklist", "import", str(tmp_path / "empty"), code=2)
    assert "numbers.0" in service.run("blocklist", "add", "letters", code=1).output

from __future__ import annotations

import pytest

from hwsim.grammar import Command, Op, Refused, parse_line


def names(line: str) -> list[tuple[str, Op, tuple[str, ...]]]:
    return [(each.name, each.op, each.args) for each in parse_line(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("E0", [("E", Op.EXEC, ("0",))]),
        ("&F", [("&F", Op.EXEC, ("",))]),
        ("+csq", [("+CSQ", Op.EXEC, ())]),
        ("+CREG?", [("+CREG", Op.READ, ())]),
        ("+CNMI=?", [("+CNMI", Op.TEST, ())]),
        ("+CNMI=2,1,,2", [("+CNMI", Op.SET, ("2", "1", "", "2"))]),
        ('+CPMS="SM","ME"', [("+CPMS", Op.SET, ("SM", "ME"))]),
        ('+CUSD=1,"*1,0;#",15', [("+CUSD", Op.SET, ("1", "*1,0;#", "15"))]),
        ("E0+CPMS?", [("E", Op.EXEC, ("0",)), ("+CPMS", Op.READ, ())]),
        ("E0V1;+CMEE=1;+CREG=2",
         [("E", Op.EXEC, ("0",)), ("V", Op.EXEC, ("1",)), ("+CMEE", Op.SET, ("1",)),
          ("+CREG", Op.SET, ("2",))]),
        ("^CURC=0", [("^CURC", Op.SET, ("0",))]),
        ("S0=1E1", [("S", Op.SET, ("0", "1")), ("E", Op.EXEC, ("1",))]),
        ("D*100#;", [("D", Op.EXEC, ("*100#;",))]),
    ],
)  # fmt: skip
def test_lines(line: str, expected: list[tuple[str, Op, tuple[str, ...]]]) -> None:
    assert names(line) == expected


@pytest.mark.parametrize("line", ["0791", "+CREG?x", "\x01", "=", "&"])
def test_nonsense_is_refused(line: str) -> None:
    with pytest.raises(Refused):
        parse_line(line)


def test_numbers_of_arguments() -> None:
    command = Command(name="+X", op=Op.SET, args=("7", "", "x"))
    assert command.number(0) == 7
    assert command.number(1, 5) == 5
    assert command.number(9, 3) == 3
    assert command.word(2) == "x"
    assert command.word(1, "none") == "none"
    for at in (1, 2):
        with pytest.raises(Refused):
            command.number(at)


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        ("CMS 38", ("+CMS ERROR: 38", "+CMS ERROR: 38", "+CMS ERROR: network out of order")),
        ("CME 10", ("ERROR", "+CME ERROR: 10", "+CME ERROR: SIM not inserted")),
        ("CME 999", ("ERROR", "+CME ERROR: 999", "+CME ERROR: unknown error")),
        ("COMMAND NOT SUPPORT", ("COMMAND NOT SUPPORT",) * 3),
    ],
)
def test_errors_by_cmee(spec: str, lines: tuple[str, ...]) -> None:
    assert tuple(Refused.parse(spec).line(cmee) for cmee in (0, 1, 2)) == lines

"""The exception tree."""

from __future__ import annotations

import inspect

from airpost import errors
from airpost.errors import AirpostError, CodecError, ConfigError, NoRoute, PortError


def test_everything_derives_from_one_root() -> None:
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass)
               if each.__module__ == errors.__name__]  # fmt: skip
    assert len(classes) > 15
    assert all(issubclass(each, AirpostError) for each in classes)


def test_codec_error_names_field_and_offset_and_moves_outward() -> None:
    inner = CodecError("udh", 2, "runs past the end")
    outer = inner.moved(10, "TP-UD")
    assert (outer.field, outer.offset, outer.message) == ("TP-UD.udh", 12, "runs past the end")
    assert str(outer) == "TP-UD.udh at 12: runs past the end"
    assert inner.moved(1).field == "udh"


def test_messages_for_people() -> None:
    assert str(ConfigError("http.listen", "no port")) == "http.listen: no port"
    assert str(ConfigError("", "no such file")) == "no such file"
    assert str(PortError("/dev/x", "gone")) == "/dev/x: gone"
    assert str(NoRoute({"a": "no SIM", "b": "absent"})) == "a: no SIM; b: absent"
    assert str(NoRoute({})) == "no modem is configured"

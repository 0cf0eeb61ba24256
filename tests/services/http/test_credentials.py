"""Tokens and scopes."""

from __future__ import annotations

import hashlib

import pytest

from airpost.services.http.credentials import (
    LOCAL,
    Caller,
    Scope,
    make_token,
    read_scopes,
    token_hash,
    token_id,
)


def caller(*scopes: Scope) -> Caller:
    return Caller(owner="shop", actor="key k", scopes=frozenset(scopes))


def test_a_token_names_its_key_and_is_hashed_whole() -> None:
    token = make_token("abcd1234", "s" * 43)
    assert token == "ap_abcd1234_" + "s" * 43
    assert token_id(token) == "abcd1234"
    assert token_hash(token) == hashlib.sha256(token.encode()).digest()


@pytest.mark.parametrize("text", ["", "ap_", "ap_abcd_", "ap_abcd_short", "xx_abcd_" + "s" * 43,
                                  "ap_ab/d_" + "s" * 43, "ap_abcd_" + "s" * 43 + " "])  # fmt: skip
def test_what_has_not_the_shape(text: str) -> None:
    assert token_id(text) is None


def test_what_a_scope_brings() -> None:
    assert all(LOCAL.may(scope) for scope in Scope)
    assert caller(Scope.READ_ALL).may(Scope.READ)
    assert not caller(Scope.READ_ALL).may(Scope.INBOUND)
    assert not caller(Scope.SEND).may(Scope.READ)
    assert not caller().may(Scope.SEND)


def test_whose_messages_a_caller_sees_and_cancels() -> None:
    assert (LOCAL.sees, LOCAL.cancels) == (None, None)
    assert (caller(Scope.READ_ALL).sees, caller(Scope.READ_ALL).cancels) == (None, "shop")
    assert (caller(Scope.READ).sees, caller(Scope.READ).cancels) == ("shop", "shop")


def test_scopes_of_a_later_version_give_nothing() -> None:
    assert read_scopes(frozenset({"send", "fly"})) == {Scope.SEND}

"""Tokens, and the cookies that stand for them."""

from __future__ import annotations

import pytest

from flowworker.errors import InvalidInput
from flowworker.web.roles import Caller, Role
from flowworker.web.tokens import SESSION, Tokens, check_token, read_tokens

VERA, OSCAR = Caller("vera", Role.VIEWER), Caller("oscar", Role.OPERATOR)
KNOWN = [(VERA, "v" * 16), (OSCAR, "o" * 16)]


def test_a_token_says_whose_it_is():
    tokens = Tokens(KNOWN)

    assert tokens.caller("v" * 16) == VERA
    assert tokens.caller("o" * 16) == OSCAR
    for other in ("", "v" * 15, "v" * 17, "ö" * 16):
        assert tokens.caller(other) is None


def test_a_cookie_holds_for_a_time_and_is_sent_by_a_browser():
    tokens = Tokens(KNOWN)
    cookie = tokens.cookie("o" * 16, now=100.0)

    assert tokens.caller_by_cookie(cookie, 100.0 + SESSION - 1) == Caller(
        "oscar", Role.OPERATOR, ambient=True
    )
    assert tokens.caller_by_cookie(cookie, 100.0 + SESSION) is None


def test_a_cookie_holds_wherever_its_token_does_and_no_longer():
    cookie = Tokens(KNOWN).cookie("v" * 16, now=0.0)

    known = Tokens(KNOWN[:1]).caller_by_cookie(cookie, 1.0)
    assert known is not None
    assert known.name == "vera"
    assert Tokens(KNOWN[1:]).caller_by_cookie(cookie, 1.0) is None
    assert Tokens([(VERA, "w" * 16)]).caller_by_cookie(cookie, 1.0) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda cookie: cookie.replace("vera", "oscar"),
        lambda cookie: cookie.replace(".43200.", ".99999999."),
        lambda cookie: cookie[:-1],
        lambda cookie: cookie.rpartition(".")[2],
        lambda cookie: "",
        lambda cookie: "ö.ö.ö",
    ],
)
def test_a_changed_cookie_is_none(change):
    tokens = Tokens(KNOWN)
    cookie = tokens.cookie("v" * 16, now=0.0)
    assert cookie.startswith("vera.43200.")

    assert tokens.caller_by_cookie(change(cookie), 1.0) is None


def test_there_is_no_cookie_for_another_token():
    with pytest.raises(InvalidInput):
        Tokens(KNOWN).cookie("x" * 16, now=0.0)


def test_a_made_token_is_an_operators():
    tokens, token = Tokens.made()

    assert tokens.caller(token) == Caller("local", Role.OPERATOR)
    assert Tokens.made()[1] != token


def test_a_file_of_tokens():
    text = f"# people\n\nvera viewer {'v' * 16}\n  oscar\toperator {'o' * 16}  \n"

    assert list(read_tokens(text, "tokens")) == KNOWN


@pytest.mark.parametrize(
    "line",
    [
        "vera viewer",
        "vera admin 0123456789abcdef",
        "vera nobody 0123456789abcdef",
        "ve.ra viewer 0123456789abcdef",
        "vera viewer short",
        "vera viewer 0123456789abcdef more",
        "vera viewer 0123456789abcdeö",
        f"vera viewer {'x' * 16}\nvera viewer {'y' * 16}",
    ],
)
def test_a_line_that_is_no_token_is_refused_without_being_shown(line):
    with pytest.raises(InvalidInput, match=r"^tokens:\d: expected ") as refused:
        list(read_tokens(line, "tokens"))

    assert "0123456789" not in str(refused.value)


def test_a_variable_is_checked_as_well():
    assert check_token("0123456789abcdef", "VARIABLE") == "0123456789abcdef"
    with pytest.raises(InvalidInput, match=r"^VARIABLE: "):
        check_token("0123456789abcde ", "VARIABLE")

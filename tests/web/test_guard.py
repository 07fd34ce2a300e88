"""Which requests are let through, without a server."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_network

import pytest

from flowworker.clock import SystemClock
from flowworker.web.endpoint import Endpoint
from flowworker.web.guard import COOKIE, CSRF_HEADER, Access, Guard, Proxy
from flowworker.web.origins import is_foreign, is_meant
from flowworker.web.problems import ApiError
from flowworker.web.rates import Rate, Rates
from flowworker.web.roles import Caller, Role
from flowworker.web.tokens import Tokens

VIEWER, OPERATOR = "v" * 16, "o" * 16
TOKENS = Tokens([(Caller("vera", Role.VIEWER), VIEWER), (Caller("oscar", Role.OPERATOR), OPERATOR)])


class Clock(SystemClock):
    """One that the test moves."""

    time = 1000.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time


async def nothing(call):
    return None


LOOK = Endpoint("GET", "/runs", "list", "", nothing, None)
ACT = Endpoint("POST", "/runs", "start", "", nothing, None, role=Role.OPERATOR)
LOGIN = Endpoint("POST", "/session", "login", "", nothing, None, role=Role.NOBODY)


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def admitted(guard, endpoint, headers, cookies=None, address="192.0.2.1"):
    """The caller, or the status of the refusal."""
    try:
        return guard.admit(endpoint, address, headers, cookies or {})
    except ApiError as error:
        return error.status


@pytest.mark.parametrize(
    ("token", "endpoint", "expected"),
    [
        (VIEWER, LOOK, Caller("vera", Role.VIEWER)),
        (VIEWER, ACT, HTTPStatus.FORBIDDEN),
        (OPERATOR, LOOK, Caller("oscar", Role.OPERATOR)),
        (OPERATOR, ACT, Caller("oscar", Role.OPERATOR)),
        ("x" * 16, LOOK, HTTPStatus.UNAUTHORIZED),
        ("x" * 16, LOGIN, HTTPStatus.UNAUTHORIZED),
    ],
)
def test_a_role_may_do_what_it_includes(token, endpoint, expected):
    assert admitted(Guard(Access(TOKENS), Clock()), endpoint, bearer(token)) == expected


def test_another_scheme_is_no_token():
    guard = Guard(Access(TOKENS), Clock())

    assert admitted(guard, LOOK, {"authorization": f"Basic {VIEWER}"}) == HTTPStatus.UNAUTHORIZED
    assert admitted(guard, LOOK, {}) == HTTPStatus.UNAUTHORIZED
    assert admitted(guard, LOGIN, {}).role is Role.NOBODY


def test_a_server_that_only_shows_lets_nobody_act():
    guard = Guard(Access(TOKENS, read_only=True), Clock())

    assert admitted(guard, ACT, bearer(OPERATOR)) == HTTPStatus.FORBIDDEN
    assert admitted(guard, LOOK, bearer(OPERATOR)) == Caller("oscar", Role.OPERATOR)


def test_what_a_browser_proves_by_itself_needs_a_header_of_a_page_to_act():
    guard = Guard(Access(TOKENS), Clock())
    cookies = {COOKIE: guard.login("192.0.2.1", OPERATOR)[1]}

    assert admitted(guard, LOOK, {}, cookies).ambient
    assert admitted(guard, ACT, {}, cookies) == HTTPStatus.FORBIDDEN
    assert admitted(guard, ACT, {CSRF_HEADER: "1"}, cookies).name == "oscar"
    foreign = {CSRF_HEADER: "1", "sec-fetch-site": "cross-site"}
    assert admitted(guard, ACT, foreign, cookies) == HTTPStatus.FORBIDDEN


def test_a_proxy_is_believed_by_its_address():
    proxy = Proxy((ip_network("10.0.0.0/8"), ip_network("::1/128")), "x-user", "x-role")
    guard = Guard(Access(proxy=proxy), Clock())

    for address in ("10.1.2.3", "::1"):
        assert admitted(guard, LOOK, {"x-user": "vera"}, address=address) == Caller(
            "vera", Role.VIEWER, ambient=True
        )
        operator = {"x-user": "vera", "x-role": "operator", CSRF_HEADER: "1"}
        assert admitted(guard, ACT, operator, address=address).role is Role.OPERATOR
        for said in ("viewer", "", "Operator", "admin", "nobody"):
            found = {"x-user": "vera", "x-role": said, CSRF_HEADER: "1"}
            assert admitted(guard, ACT, found, address=address) in {401, 403}
    for address in ("11.0.0.1", "::2", "", "somewhere"):
        found = admitted(guard, LOOK, {"x-user": "vera"}, address=address)
        assert found == HTTPStatus.UNAUTHORIZED


def test_who_asks_too_often_waits():
    clock = Clock()
    guard = Guard(Access(TOKENS, rate=Rate(per_second=0.5, at_once=2)), clock)
    ask = bearer(VIEWER)

    for _ in range(2):
        assert admitted(guard, LOOK, ask).name == "vera"
    with pytest.raises(ApiError) as refused:
        guard.admit(LOOK, "192.0.2.1", ask, {})
    assert refused.value.status == HTTPStatus.TOO_MANY_REQUESTS
    assert refused.value.headers["Retry-After"] == "2"
    assert admitted(guard, LOOK, bearer(OPERATOR)).name == "oscar"

    clock.time += 2.0
    assert admitted(guard, LOOK, ask).name == "vera"


def test_tokens_cannot_be_tried_at_any_rate():
    guard = Guard(Access(TOKENS), Clock())

    found = [admitted(guard, LOOK, bearer(f"{number:016}")) for number in range(20)]

    assert found[0] == HTTPStatus.UNAUTHORIZED
    assert found[-1] == HTTPStatus.TOO_MANY_REQUESTS
    assert admitted(guard, LOOK, bearer("x" * 16), address="192.0.2.2") == HTTPStatus.UNAUTHORIZED


def test_rates_of_many_are_not_kept_for_ever(monkeypatch):
    monkeypatch.setattr("flowworker.web.rates.KNOWN", 2)
    rates = Rates(Rate(per_second=1.0, at_once=1))

    assert [rates.wait(key, 0.0) for key in ("a", "b", "a", "c")] == [0.0, 0.0, 1.0, 0.0]
    assert rates.wait("a", 0.0) == 1.0
    assert rates.wait("b", 0.0) == 0.0


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("localhost", True),
        ("localhost:80", True),
        ("flows.example.", True),
        ("FLOWS.example:443", True),
        ("192.0.2.7:8787", True),
        ("[2001:db8::1]:8787", True),
        ("", False),
        ("[", False),
        ("evil.example", False),
        ("flows.example.evil", False),
        ("evil@localhost.evil", False),
        ("192.0.2.7.evil.example", False),
    ],
)
def test_names_that_are_meant(host, meant):
    assert is_meant(host, {"flows.example"}) is meant


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://here", "host": "here"}, True),
        ({"origin": "https://HERE:1", "host": "here:1"}, False),
        ({"origin": "https://here:2", "host": "here:1"}, True),
        ({"origin": "null", "host": "here:1"}, True),
        ({"origin": "http://[", "host": "here:1"}, True),
    ],
)
def test_what_another_site_causes(headers, foreign):
    assert is_foreign(headers) is foreign

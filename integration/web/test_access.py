"""Who gets in, by which name and from where."""

from __future__ import annotations

import re
import signal

import pytest

from integration.cli.commands import ended
from integration.web.api import OPERATOR, VIEWER
from integration.web.conftest import served

CHANGING = {"Flowworker_Csrf": "1"}


def test_without_a_token_nothing_is_shown(api):
    for path in ("/runs", "/session", "/doctor"):
        answer = api("GET", path, token="")
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert api("GET", "/runs", token="not-the-token-0123456").status == 401


def test_everybody_learns_who_they_are(api):
    assert api.get("/session", token=VIEWER)["role"] == "viewer"
    found = api.get("/session", token=OPERATOR)
    assert (found["name"], found["role"], found["read_only"]) == ("oscar", "operator", False)


def test_a_browser_exchanges_its_token_for_a_cookie(api):
    login = api("POST", "/session", {"token": VIEWER}, token="")

    cookie = login.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    sent = cookie.partition(";")[0]
    assert api.get("/session", token="", Cookie=sent)["name"] == "vera"

    assert api("DELETE", "/session", token="", Cookie=sent).status == 403
    logout = api("DELETE", "/session", token="", Cookie=sent, **CHANGING)
    assert logout.status == 204
    assert logout.headers["set-cookie"].startswith("flowworker_session=; Max-Age=0;")


@pytest.mark.parametrize("token", ["", "not-the-token-0123456"])
def test_a_wrong_token_gets_no_cookie(api, token):
    login = api("POST", "/session", {"token": token}, token="")

    assert login.status == 401
    assert "set-cookie" not in login.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_a_name_that_was_bound_to_this_address_is_refused(api, host):
    answer = api("GET", "/runs", Host=host)

    assert answer.status == 421


def test_names_of_this_server_are_known(api):
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8787"):
        assert api("GET", "/session", Host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_what_another_site_has_caused_is_refused(api, headers):
    assert api("POST", "/session", {"token": VIEWER}, token="", **headers).status == 403
    assert api("GET", "/runs", **headers).status == 403


def test_the_own_pages_are_let_through(api):
    assert api("GET", "/session", Sec_Fetch_Site="same-origin").status == 200
    assert api("GET", "/session", Origin=f"http://{api.host}:{api.port}").status == 200


def test_answers_are_safe_to_look_at(api):
    for path in ("/session", "/nothing"):
        headers = api("GET", path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_a_proxy_says_who_asks(commands):
    options = ("--proxy", "127.0.0.0/8", "--proxy-role", "X-Role")
    with served(commands, *options) as (api, _):
        as_vera = {"token": "", "X_Forwarded_User": "vera"}
        assert api("GET", "/session", token="").status == 401
        assert api.get("/session", **as_vera)["role"] == "viewer"
        found = api.get("/session", X_Role="operator", **as_vera)
        assert (found["name"], found["role"]) == ("vera", "operator")


def test_another_address_than_the_proxys_says_nothing(commands):
    with served(commands, "--proxy", "10.0.0.0/8") as (api, _):
        assert api("GET", "/session", token="", X_Forwarded_User="vera").status == 401


def test_on_this_machine_a_token_is_made(commands):
    with served(commands) as (api, process):
        assert process.stdout is not None
        found = re.search(r"operator: (\S+)$", process.stdout.readline())
        assert found is not None
        assert api.get("/session", token=found[1])["role"] == "operator"
        assert ended(process, signal.SIGTERM) == ""
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--host", "0.0.0.0"), "say who may"),
        (("--host", "nowhere.invalid", "--proxy", "10.0.0.0/8"), "choose another one"),
        (("--proxy", "10.0.0.1/8"), "--proxy: "),
        (("--port", "0", "--tokens", __file__), "expected a name, viewer or operator"),
    ],
)
def test_what_is_of_no_use_is_said(commands, options, says):
    process = commands.process("ui", *options)

    assert process.returncode == 2
    assert says in process.stderr

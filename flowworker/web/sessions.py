"""The endpoints by which a browser logs in and out, and everybody learns who they are."""

from __future__ import annotations

__all__ = ["SESSIONS"]

from importlib.metadata import version
from typing import TYPE_CHECKING

from msgspec import Struct

from flowworker.web.endpoint import Endpoint
from flowworker.web.guard import COOKIE
from flowworker.web.roles import Role
from flowworker.web.tokens import SESSION

if TYPE_CHECKING:
    from flowworker.web.endpoint import Call


class Login(Struct, frozen=True, forbid_unknown_fields=True):
    """A token that is to be kept by the browser as a cookie, which no script can read."""

    token: str


class SessionView(Struct, frozen=True):
    """Who asks, and what they may do here.

    Attributes:
        read_only: this server only shows, also to operators.
        version: of flowworker.
    """

    name: str
    role: Role
    read_only: bool
    version: str


def _view(name: str, role: Role, call: Call) -> SessionView:
    return SessionView(name, role, call.guard.access.read_only, version("flowworker"))


async def _show(call: Call) -> SessionView:
    return _view(call.caller.name, call.caller.role, call)


async def _login(call: Call) -> SessionView:
    login: Login = call.body
    caller, cookie = call.guard.login(call.address, login.token)
    call.headers["Set-Cookie"] = _set_cookie(call, cookie, SESSION)
    return _view(caller.name, caller.role, call)


async def _logout(call: Call) -> None:
    call.headers["Set-Cookie"] = _set_cookie(call, "", 0)


def _set_cookie(call: Call, value: str, seconds: float) -> str:
    secure = "; Secure" if call.guard.access.secure else ""
    return f"{COOKIE}={value}; Max-Age={seconds:.0f}; Path=/; HttpOnly; SameSite=Strict{secure}"


SESSIONS = (
    Endpoint("GET", "/session", "getSession", "Who asks.", _show, SessionView),
    Endpoint(
        "POST",
        "/session",
        "login",
        "Exchange a token for a cookie.",
        _login,
        SessionView,
        body=Login,
        role=Role.NOBODY,
    ),
    Endpoint(
        "DELETE",
        "/session",
        "logout",
        "Forget the cookie.",
        _logout,
        None,
        role=Role.NOBODY,
        status=204,
    ),
)

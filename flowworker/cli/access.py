"""Who may use what `ui` serves, as its options and variables say it."""

from __future__ import annotations

__all__ = ["NOT_GIVEN", "TOKEN_VARIABLE", "access_options", "read_access"]

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.web.guard import Access, Proxy

TOKEN_VARIABLE = "FLOWWORKER_UI_TOKEN"
"""Environment variable: the token of an operator. A command line could be read by others."""


def access_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who may do what, as a dict `given`."""
    names = ("tokens", "hosts", "proxies", "user_header", "role_header", "read_only", "https")

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return command(*args, given={name: kwargs.pop(name) for name in names}, **kwargs)

    decorated: Callable[..., Any] = wrapped
    for flag, name, more in reversed(_OPTIONS):
        variable = f"FLOWWORKER_UI_{flag.removeprefix('--').replace('-', '_').upper()}"
        decorated = click.option(flag, name, envvar=variable, show_envvar=True, **more)(decorated)
    return decorated


_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "--tokens",
        "tokens",
        {
            "type": click.Path(exists=True, dir_okay=False, readable=True),
            "metavar": "FILE",
            "help": "Who may log in: in each line a name, viewer or operator, and a token.",
        },
    ),
    (
        "--read-only",
        "read_only",
        {"is_flag": True, "help": "Only show, also to operators."},
    ),
    (
        "--allow-host",
        "hosts",
        {
            "multiple": True,
            "metavar": "NAME",
            "help": "A name by which this server is reached; may be given several times.",
        },
    ),
    (
        "--https",
        "https",
        {"is_flag": True, "help": "A proxy serves this by HTTPS: cookies go no other way."},
    ),
    (
        "--proxy",
        "proxies",
        {
            "multiple": True,
            "metavar": "NETWORK",
            "help": "From where a proxy connects that says who asks, such as 10.1.2.3/32.",
        },
    ),
    (
        "--proxy-user",
        "user_header",
        {
            "default": "X-Forwarded-User",
            "show_default": True,
            "metavar": "HEADER",
            "help": "Where it says the name.",
        },
    ),
    (
        "--proxy-role",
        "role_header",
        {
            "metavar": "HEADER",
            "help": "Where it says viewer or operator; everybody is a viewer if not given.",
        },
    ),
)


NOT_GIVEN: Mapping[str, Any] = {
    "tokens": None,
    "hosts": (),
    "proxies": (),
    "user_header": "",
    "role_header": "",
    "read_only": False,
    "https": False,
}
"""What the options come to where there are none."""


def read_access(
    given: Mapping[str, Any], environment: Mapping[str, str], host: str
) -> tuple[Access, str]:
    """Who may do what; and the token that was made, if nobody could log in otherwise.

    Raises:
        InvalidInput: something is of no use, or others than this machine's users would reach a
            server on which nobody can log in.
    """
    from flowworker.web.guard import Access
    from flowworker.web.origins import host_of
    from flowworker.web.roles import Caller, Role
    from flowworker.web.tokens import Tokens, check_token, read_tokens

    known: list[tuple[Caller, str]] = []
    if given["tokens"]:
        path = Path(given["tokens"])
        known += read_tokens(path.read_text(encoding="utf-8"), str(path))
    if token := environment.get(TOKEN_VARIABLE, "").strip():
        known.append((Caller("operator", Role.OPERATOR), check_token(token, TOKEN_VARIABLE)))
    proxy, made = _proxy(given), ""
    tokens = Tokens(known)
    if not known and proxy is None:
        if not _is_loopback(host):
            raise InvalidInput(
                f"--host {host}: others can reach it, so say who may: --tokens, {TOKEN_VARIABLE}, "
                "or --proxy"
            )
        tokens, made = Tokens.made()
    names = frozenset(_named(name) for name in (*given["hosts"], host_of(host) or host))
    access = Access(tokens, proxy, names, read_only=given["read_only"], secure=given["https"])
    return access, made


def _named(name: str) -> str:
    from flowworker.web.origins import host_of

    return host_of(name) or name


def _proxy(given: Mapping[str, Any]) -> Proxy | None:
    from ipaddress import ip_network

    from flowworker.web.guard import Proxy

    if not given["proxies"]:
        return None
    try:
        networks = tuple(ip_network(each) for each in given["proxies"])
    except ValueError as error:
        raise InvalidInput(f"--proxy: {error}") from error
    user, role = given["user_header"].lower(), (given["role_header"] or "").lower()
    return Proxy(networks, user, role)


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

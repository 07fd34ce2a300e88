"""Options that many commands share, and the values that people pass on a command line."""

from __future__ import annotations

__all__ = [
    "Target",
    "as_json",
    "check_queues",
    "connection",
    "queue_option",
    "read_json",
    "run_client",
]

import asyncio
import functools
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
import msgspec

from flowworker.codec.json import UNREADABLE
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.core.ids import TOKEN
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from flowworker.client import Client
    from flowworker.jetstream import ConnectionOptions

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Target:
    """Which fleet, and how to get there: the values of the connection options."""

    nats_url: str = "nats://127.0.0.1:4222"
    namespace: str = DEFAULT_NAMESPACE
    creds: str = ""
    nkey: str = ""
    user: str = ""
    password: str = ""
    token: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    def options(self, name: str, wait: float = 0.0) -> ConnectionOptions:
        """The same for the adapter.

        Args:
            name: what the server's monitoring shows.
            wait: seconds to keep trying, for processes that may start before their server.
        """
        from flowworker.jetstream import ConnectionOptions
        from flowworker.wiring import check_url

        check_url(self.nats_url)
        if self.tls_key and not self.tls_cert:
            raise InvalidInput("--tls-key goes with --tls-cert")
        return ConnectionOptions(
            url=self.nats_url,
            name=name,
            credentials=self.creds,
            nkey_seed=self.nkey,
            user=self.user,
            password=self.password,
            token=self.token,
            tls_ca=self.tls_ca,
            tls_cert=self.tls_cert,
            tls_key=self.tls_key,
            wait=wait,
        )


def _file(option: str, text: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    kind = click.Path(exists=True, dir_okay=False, readable=True)
    return _connection_option(option, text, type=kind, metavar="FILE")


def _connection_option(
    option: str, text: str, **more: Any
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    variable = f"FLOWWORKER_{option.removeprefix('--').replace('-', '_').upper()}"
    shown = "default" in more
    return click.option(
        option, envvar=variable, show_envvar=True, show_default=shown, help=text, **more
    )


_OPTIONS = (
    _connection_option(
        "--nats-url",
        "NATS server or servers, separated by commas.",
        default=Target().nats_url,
        metavar="URL",
    ),
    _connection_option("--namespace", "Which fleet.", default=Target().namespace),
    _file("--creds", "Credentials file of a NATS user."),
    _file("--nkey", "File with an NKey seed."),
    _connection_option("--user", "User name."),
    _connection_option("--password", "Password; better given by its variable."),
    _connection_option("--token", "Token; better given by its variable."),
    _file("--tls-ca", "CA certificates that the server's must be signed by."),
    _file("--tls-cert", "The client's certificate."),
    _file("--tls-key", "The client's private key."),
)


def connection(command: Callable[Concatenate[Target, P], T]) -> Callable[P, T]:
    """Give a command the connection options, as a `Target` before its other arguments."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        values = {field.name: kwargs.pop(field.name) or "" for field in fields(Target)}
        return command(Target(**values), *args, **kwargs)  # type: ignore[arg-type]

    decorated: Any = wrapped
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    checked: Callable[P, T] = decorated
    return checked


def queue_option(command: Callable[P, T]) -> Callable[P, T]:
    """Give a command the option `--queue`."""
    return click.option(
        "--queue",
        "queues",
        multiple=True,
        default=("default",),
        show_default=True,
        help="A queue of steps; may be given several times.",
    )(command)


def check_queues(queues: Sequence[str]) -> None:
    """Refuse what cannot be a queue."""
    for queue in queues:
        if not TOKEN.fullmatch(queue):
            raise InvalidInput(
                f"--queue: expected letters, digits, `_` and `-`, found {queue!r:.150}"
            )


def as_json(command: Callable[P, T]) -> Callable[P, T]:
    """Give a command the option `--json`."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON, for programs.")(command)


def run_client(target: Target, use: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, let `use` do its work, and disconnect."""
    from flowworker.telemetry.log import configure_logging
    from flowworker.wiring import connect

    async def run() -> T:
        options = target.options("flowworker-cli")
        async with connect(options, namespace=target.namespace) as client:
            return await use(client)

    configure_logging(json=False, level="warning")
    return asyncio.run(run())


def read_json(option: str, value: str) -> bytes:
    """A JSON value that was given as text, as `@FILE`, or as `@-` for stdin; compact or not.

    Raises:
        InvalidInput: it cannot be read, or is not JSON.
    """
    try:
        if value == "@-":
            raw = sys.stdin.buffer.read()
        elif value.startswith("@"):
            raw = Path(value[1:]).read_bytes()
        else:
            raw = value.encode()
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{option} {value}: {reason}") from error
    try:
        msgspec.json.decode(raw)
    except UNREADABLE as error:
        hint = "" if value.startswith("@") else "; a file is given as @FILE"
        raise InvalidInput(f"{option}: not JSON: {error}{hint}") from error
    return raw.strip()

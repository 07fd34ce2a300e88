"""Options that many commands share, and the values that people pass on a command line."""

from __future__ import annotations

__all__ = [
    "Target",
    "as_json",
    "check_queues",
    "connected",
    "connection",
    "label_option",
    "queue_option",
    "read_json",
    "read_object",
    "reveal_option",
    "run_client",
]

import codecs
import functools
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from flowworker.cli.terminal import is_colored
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.environment import CONNECTION, ENV_PREFIX, NAMESPACE
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from msgspec import Raw

    from flowworker.client import Client
    from flowworker.jetstream import ConnectionOptions
    from flowworker.jetstream.client.connection import Connection

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """Which fleet, and how to get there: the values of the connection options."""

    namespace: str = DEFAULT_NAMESPACE
    given: dict[str, str] = field(default_factory=dict)

    def options(self, name: str, wait: float = 0.0) -> ConnectionOptions:
        """The same for the adapter.

        Args:
            name: what the server's monitoring shows.
            wait: seconds to keep trying, for processes that may start before their server.
        """
        from flowworker.wiring import options_from

        return options_from({}, **self.given, name=name, wait=wait)


_FILE: dict[str, Any] = {
    "type": click.Path(exists=True, dir_okay=False, readable=True),
    "metavar": "FILE",
}
_MORE: dict[str, tuple[str, dict[str, Any]]] = {
    "url": (
        "NATS server or servers, separated by commas.",
        {"default": "nats://127.0.0.1:4222", "metavar": "URL"},
    ),
    "creds": ("Credentials file of a NATS user.", _FILE),
    "nkey": ("File with an NKey seed.", _FILE),
    "user": ("User name.", {}),
    "password": ("Password; better given by its variable.", {}),
    "token": ("Token; better given by its variable.", {}),
    "tls_ca": ("CA certificates that the server's must be signed by.", _FILE),
    "tls_cert": ("The client's certificate.", _FILE),
    "tls_key": ("The client's private key.", _FILE),
    "tls_hostname": ("The name in the server's certificate, if not the URL's.", {}),
    "inbox_prefix": ("What subjects of replies begin with, if accounts restrict them.", {}),
}
"""What the connection options mean, and how they are given."""


def _option(name: str, variable: str, text: str, more: dict[str, Any]) -> Callable[..., Any]:
    flag = f"--{variable.removeprefix(ENV_PREFIX).replace('_', '-').lower()}"
    shown = "default" in more
    return click.option(
        flag, name, envvar=variable, show_envvar=True, show_default=shown, help=text, **more
    )


def connection(command: Callable[Concatenate[Target, P], T]) -> Callable[P, T]:
    """Give a command the connection options, as a `Target` before its other arguments."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        values = {name: kwargs.pop(name) for name in CONNECTION}
        given = {name: str(value) for name, value in values.items() if value is not None}
        target = Target(str(kwargs.pop("namespace")), given)
        return command(target, *args, **kwargs)

    decorated: Any = wrapped
    for name, variable in reversed(CONNECTION.items()):
        decorated = _option(name, variable, *_MORE[name])(decorated)
    more = {"default": DEFAULT_NAMESPACE}
    checked: Callable[P, T] = _option("namespace", NAMESPACE, "Which fleet.", more)(decorated)
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
    from flowworker.core.ids import RESERVED_QUEUES, TOKEN

    for queue in queues:
        if not TOKEN.fullmatch(queue):
            raise InvalidInput(
                f"--queue: expected letters, digits, `_` and `-`, found {queue!r:.150}"
            )
        if queue in RESERVED_QUEUES:
            raise InvalidInput(f"--queue {queue}: that is no queue of workers; choose another name")


def as_json(command: Callable[P, T]) -> Callable[P, T]:
    """Give a command the option `--json`."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON, for programs.")(command)


def reveal_option(command: Callable[P, T]) -> Callable[P, T]:
    """Give a command the option `--reveal`."""
    return click.option("--reveal", is_flag=True, help="Show secrets, too.")(command)


def run_client(target: Target, use: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, let `use` do its work, and disconnect."""
    import asyncio

    from flowworker.telemetry.log import configure_logging
    from flowworker.wiring import connect

    async def run() -> T:
        options = target.options("flowworker-cli")
        async with connect(options, namespace=target.namespace) as client:
            return await use(client)

    configure_logging(json=False, level="warning", colors=is_colored(sys.stderr))
    return asyncio.run(run())


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Connection]:
    """A connection to a server with JetStream, for what no client does."""
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.connection import connect

    made = await connect(target.options("flowworker-cli"))
    try:
        await Api(made).check()
        yield made
    finally:
        await made.close()


_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What files begin with that some editors and shells write, and how they are encoded."""


def read_json(option: str, value: str) -> bytes:
    """A JSON value that was given as text, as `@FILE`, or as `@-` for stdin; compact or not.

    Raises:
        InvalidInput: it cannot be read, or is not JSON.
    """
    import msgspec

    from flowworker.codec.json import UNREADABLE

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
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            raw = raw.decode(encoding, "replace").encode()
    try:
        msgspec.json.decode(raw)
    except UNREADABLE as error:
        hint = "" if value.startswith("@") else "; a file is given as @FILE"
        raise InvalidInput(f"{option}: not JSON: {error}{hint}") from error
    return raw.strip()


def read_object(option: str, value: str) -> Raw:
    """The same for a JSON object."""
    from msgspec import Raw

    raw = read_json(option, value)
    if not raw.startswith(b"{"):
        raise InvalidInput(f"{option}: expected a JSON object, found {raw[:80].decode()}")
    return Raw(raw)


def _labels(
    _ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"expected NAME=VALUE, found {text!r}.")
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice.")
        found[name] = value
    return found


label_option = click.option(
    "--label",
    "labels",
    multiple=True,
    callback=_labels,
    metavar="NAME=VALUE",
    help="To find runs by; may be repeated.",
)

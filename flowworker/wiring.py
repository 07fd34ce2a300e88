"""The one place that puts the parts together: which adapter stands behind the ports.

Adapters are imported when they are asked for: `import flowworker` loads neither NATS nor Redis.
"""

from __future__ import annotations

__all__ = [
    "ENVIRONMENT",
    "check_url",
    "connect",
    "make_coordinator",
    "make_worker",
    "nats",
    "options_from",
    "process_name",
]

import os
import re
import secrets
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flowworker.client import Client
from flowworker.clock import SystemClock
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.errors import InvalidInput
from flowworker.settings import Settings, from_environment, settings_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from flowworker.clock import Clock
    from flowworker.coordinator import Coordinator
    from flowworker.jetstream import ConnectionOptions, TopologyOptions
    from flowworker.ports import Backend
    from flowworker.telemetry.metrics import Metrics
    from flowworker.worker import App, Worker

_SCHEMES = {"nats", "tls", "ws", "wss"}

ENVIRONMENT = {
    "url": "FLOWWORKER_NATS_URL",
    "credentials": "FLOWWORKER_CREDS",
    "nkey_seed": "FLOWWORKER_NKEY",
    "user": "FLOWWORKER_USER",
    "password": "FLOWWORKER_PASSWORD",
    "token": "FLOWWORKER_TOKEN",
    "tls_ca": "FLOWWORKER_TLS_CA",
    "tls_cert": "FLOWWORKER_TLS_CERT",
    "tls_key": "FLOWWORKER_TLS_KEY",
}
"""Connection options, and the environment variables that give those which are not given."""

NAMESPACE = "FLOWWORKER_NAMESPACE"
"""Environment variable: which fleet."""


def options_from(environment: Mapping[str, str], **given: Any) -> ConnectionOptions:
    """Connection options: those given, then those of the environment, then defaults."""
    from flowworker.jetstream import ConnectionOptions  # noqa: PLC0415 - see above

    found = {name: environment[var] for name, var in ENVIRONMENT.items() if environment.get(var)}
    options = ConnectionOptions(**{**found, **given})
    check_url(options.url)
    return options


def check_url(urls: str) -> None:
    """Refuse what nobody could connect to.

    Raises:
        InvalidInput: it is no list of NATS URLs.
    """
    for url in urls.split(","):
        try:
            parts = urlsplit(url.strip() if "://" in url else f"nats://{url.strip()}")
            usable = bool(parts.hostname) and parts.scheme in _SCHEMES and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            shown = re.sub(r"//[^@]*@", "//***@", url)
            raise InvalidInput(f"expected a URL such as nats://127.0.0.1:4222, found {shown!r}")


@asynccontextmanager
async def nats(
    options: ConnectionOptions,
    namespace: str = DEFAULT_NAMESPACE,
    *,
    settings: Settings | None = None,
    topology: TopologyOptions | None = None,
    clock: Clock | None = None,
    create: bool = True,
) -> AsyncIterator[Backend]:
    """All ports of a namespace on a NATS server; what is missing there is created.

    Raises:
        NamespaceNotFound: something is missing, and `create` is not wanted.
        ServerUnavailable: there is no usable server.
        TopologyMismatch: a stream or bucket exists with other settings.
    """
    from flowworker.jetstream import TopologyOptions, open_backend  # noqa: PLC0415 - see above

    backend = await open_backend(
        options,
        namespace,
        settings=settings or Settings(),
        topology=topology or from_environment(TopologyOptions, os.environ),
        clock=clock or SystemClock(),
        create=create,
    )
    try:
        yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def connect(
    url: str | ConnectionOptions | None = None,
    *,
    namespace: str | None = None,
    settings: Settings | None = None,
    create: bool = False,
    **options: Any,
) -> AsyncIterator[Client]:
    """A client of the fleet at a NATS server, for the time of the context.

    ```python
    async with connect("nats://127.0.0.1:4222") as client:
        result = await client.run("order.fulfil", {"order_id": 7})
    ```

    Args:
        url: of the server, or all connection options at once; by default what the environment
            says (`FLOWWORKER_NATS_URL`), or the local server.
        namespace: which fleet; by default `FLOWWORKER_NAMESPACE`, or `flowworker`.
        settings: of the fleet; by default what the environment says.
        create: the namespace's streams, if there are none. A fleet's processes do so, and
            `flowworker setup`; a client that does makes a namespace of each misspelt name.
        options: further fields of `ConnectionOptions`, such as `credentials`.

    Raises:
        ServerUnavailable: there is no usable server.
        NamespaceNotFound: there is no such fleet, and it is not to be created.
    """
    if url is None or isinstance(url, str):
        given = options if url is None else {**options, "url": url}
        url = options_from(os.environ, **given)
    settings = settings or settings_from(os.environ)
    namespace = namespace or os.environ.get(NAMESPACE) or DEFAULT_NAMESPACE
    async with nats(url, namespace, settings=settings, create=create) as backend:
        client = Client(backend, settings)
        try:
            yield client
        finally:
            client.close()


def process_name() -> str:
    """Tells this process from all others of a fleet, and people where it runs."""
    host = "".join(c if c.isalnum() or c == "-" else "-" for c in socket.gethostname())
    return f"{host[:60] or 'host'}-{os.getpid()}-{secrets.token_hex(3)}"


def make_worker(
    backend: Backend,
    app: App,
    settings: Settings,
    metrics: Metrics,
    queues: tuple[str, ...] = ("default",),
) -> Worker:
    """A worker of a fleet; `settings.concurrency` is how many handlers it runs at a time."""
    from flowworker.worker import Worker  # noqa: PLC0415

    return Worker(backend, app, settings, SystemClock(), queues=queues, metrics=metrics)


def make_coordinator(backend: Backend, settings: Settings, metrics: Metrics) -> Coordinator:
    """A coordinator of a fleet."""
    from flowworker.coordinator import Coordinator  # noqa: PLC0415

    return Coordinator(backend, settings, SystemClock(), process_name(), metrics)

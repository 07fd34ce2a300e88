"""The one place that puts the parts together: which adapter stands behind the ports.

Adapters are imported when they are asked for: `import flowworker` loads neither NATS nor Redis.
"""

from __future__ import annotations

__all__ = [
    "check_url",
    "connect",
    "make_coordinator",
    "make_worker",
    "nats",
    "open_nats",
    "options_from",
    "process_name",
]

import os
import secrets
import socket
from contextlib import asynccontextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from flowworker import agreement
from flowworker.clock import SystemClock
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.errors import InvalidInput
from flowworker.settings import (
    CONNECTION,
    NAMESPACE,
    Settings,
    from_environment,
    settings_from,
)
from flowworker.stores.stores import stores_of
from flowworker.telemetry.log import get_logger
from flowworker.telemetry.tracing import NO_TRACING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from flowworker.client import Client
    from flowworker.clock import Clock
    from flowworker.compat.buses import EventBus
    from flowworker.compat.state import StateStore
    from flowworker.coordinator import Coordinator
    from flowworker.handlers import App
    from flowworker.jetstream import ConnectionOptions, TopologyOptions
    from flowworker.ports import Backend
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics
    from flowworker.telemetry.tracing import Tracing
    from flowworker.worker import Worker

_SCHEMES = {"nats", "tls", "ws", "wss"}


def options_from(
    environment: Mapping[str, str], url: str | ConnectionOptions | None = None, **given: Any
) -> ConnectionOptions:
    """Connection options: those given, then those of the environment, then defaults.

    Args:
        environment: variables; those of `CONNECTION` are read, unless `url` says it all.
        url: of the server, or all options at once.
        given: fields of `ConnectionOptions`; they go before what `url` says.

    Raises:
        InvalidInput: an option is unknown, or of no use.
    """
    from flowworker.jetstream import ConnectionOptions  # noqa: PLC0415 - see above

    for name in given.keys() - set(ConnectionOptions.__struct_fields__):
        near = get_close_matches(name, ConnectionOptions.__struct_fields__, 1)
        hint = f"did you mean {near[0]!r}?" if near else "see flowworker.ConnectionOptions"
        raise InvalidInput(f"unknown connection option {name!r}; {hint}")
    if isinstance(url, ConnectionOptions):
        options = replace(url, **given)
    else:
        found = {name: environment[var] for name, var in CONNECTION.items() if environment.get(var)}
        found |= {} if url is None else {"url": url}
        options = ConnectionOptions(**{**found, **given})
    check_url(options.url)
    if options.tls_key and not options.tls_cert:
        raise InvalidInput("tls_key (--tls-key) goes with tls_cert (--tls-cert)")
    return options


def check_url(urls: str) -> None:
    """Refuse what cannot be connected to.

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
            from flowworker.jetstream.client.options import redacted  # noqa: PLC0415 - see above

            shown = redacted(urls)
            raise InvalidInput(f"expected a URL such as nats://127.0.0.1:4222, found {shown!r}")


async def open_nats(
    url: str | ConnectionOptions | None = None,
    namespace: str | None = None,
    *,
    settings: Settings | None = None,
    topology: TopologyOptions | None = None,
    clock: Clock | None = None,
    create: bool = False,
    direct: bool = False,
    member: bool = False,
    **options: Any,
) -> Backend:
    """All ports of a namespace on a NATS server; the way of every client, process and store.

    Args:
        url: of the server, or all connection options at once.
        namespace: which fleet.
        settings: of the fleet.
        topology: how streams are created.
        clock: None for the machine's.
        create: what is missing.
        direct: as a worker does it, read records and leases by key, from any replica.
        member: of the fleet, which runs steps or drives runs: its settings have to be the fleet's.
        options: further connection options, such as `creds`.

    What is not given is what the environment says, or a default.

    Raises:
        InvalidInput: an option or a variable is of no use, or differs from what the fleet has
            agreed upon.
        NamespaceNotFound: something is missing, and it is not to be created.
        ServerUnavailable: there is no usable server.
        TopologyMismatch: a stream or bucket exists with other settings.
    """
    from flowworker import jetstream  # noqa: PLC0415 - see above

    settings = settings or settings_from(os.environ)
    backend = await jetstream.open_backend(
        options_from(os.environ, url, **options),
        namespace or os.environ.get(NAMESPACE) or DEFAULT_NAMESPACE,
        settings=settings,
        topology=topology or from_environment(jetstream.TopologyOptions, os.environ),
        clock=clock or SystemClock(),
        create=create,
        direct=direct,
        agreed=agreement.first(settings),
    )
    try:
        reports = agreement.check(backend.agreed, settings, member=member)
    except InvalidInput:
        await backend.close()
        raise
    for report in reports:
        get_logger().warning("a setting differs from the fleet's", setting=report)
    return backend


@asynccontextmanager
async def nats(
    url: str | ConnectionOptions | None = None, namespace: str | None = None, **more: Any
) -> AsyncIterator[Backend]:
    """What `open_nats` opens, for the time of the context; what is missing there is created."""
    backend = await open_nats(url, namespace, **{"create": True, **more})
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
        options: further fields of `ConnectionOptions`, such as `creds`; they go before those of
            `url`.

    Raises:
        InvalidInput: an option is unknown, or of no use.
        ServerUnavailable: there is no usable server.
        NamespaceNotFound: there is no such fleet, and it is not to be created.
    """
    from flowworker.client import Client  # noqa: PLC0415 - no part of a fleet's processes

    settings = settings or settings_from(os.environ)
    opened = nats(url, namespace, settings=settings, create=create, **options)
    async with opened as backend:
        client = Client(stores_of(backend, settings))
        try:
            yield client
        finally:
            client.close()


def process_name() -> str:
    """A name that no other process of a fleet has, with the host and the process id."""
    host = "".join(c if c.isalnum() or c == "-" else "-" for c in socket.gethostname())
    return f"{host[:60] or 'host'}-{os.getpid()}-{secrets.token_hex(3)}"


def make_worker(
    stores: Stores,
    app: App,
    metrics: Metrics,
    queues: tuple[str, ...] = ("default",),
    clock: Clock | None = None,
    state_store: StateStore | None = None,
    event_bus: EventBus | None = None,
    tracing: Tracing = NO_TRACING,
) -> Worker:
    """A worker of a fleet; its handlers get the fleet's state store and event bus unless given."""
    from flowworker.worker import Worker  # noqa: PLC0415

    return Worker(
        stores,
        app,
        clock or SystemClock(),
        queues=queues,
        metrics=metrics,
        tracing=tracing,
        state_store=state_store,
        event_bus=event_bus,
    )


def make_coordinator(
    stores: Stores,
    metrics: Metrics,
    clock: Clock | None = None,
    adopts: Callable[[str], bool] | None = None,
    tracing: Tracing = NO_TRACING,
) -> Coordinator:
    """A coordinator of a fleet; with `adopts`, of those runs alone that it says yes to."""
    from flowworker.coordinator import Coordinator  # noqa: PLC0415

    clock = clock or SystemClock()
    return Coordinator(stores, clock, process_name(), metrics, adopts, tracing)

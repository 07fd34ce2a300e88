"""Puts the adapter together."""

from __future__ import annotations

__all__ = ["open_backend"]

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from flowworker.clock import SystemClock
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.errors import ServerUnavailable, Unavailable
from flowworker.jetstream.announcements import Announcements
from flowworker.jetstream.client.api import Api, is_passing
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.commands import StreamCommandQueue
from flowworker.jetstream.consuming.consumers import Consumers
from flowworker.jetstream.events import StreamEventLog
from flowworker.jetstream.heartbeat import open_heartbeat
from flowworker.jetstream.lanes import StreamLanes
from flowworker.jetstream.leases import BucketLeases
from flowworker.jetstream.meter import StreamMeter
from flowworker.jetstream.names import Names
from flowworker.jetstream.notifier import CoreNotifier
from flowworker.jetstream.presences import BucketPresences
from flowworker.jetstream.records import BucketRecords
from flowworker.jetstream.run_records import changed_since, run_records
from flowworker.jetstream.steps import StreamStepQueue
from flowworker.jetstream.timers import StreamTimers
from flowworker.jetstream.topology.caretaker import Caretaker
from flowworker.jetstream.topology.durability import UNFLUSHED, check_cluster
from flowworker.jetstream.topology.options import TopologyOptions
from flowworker.jetstream.topology.streams import Topology
from flowworker.ports import Backend, Tail
from flowworker.retrying import retry_unavailable
from flowworker.settings import Settings

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.client.options import ConnectionOptions

PAUSE = 0.5
"""Seconds between two attempts to find everything there."""
CLOSE_TIMEOUT = 3.0
"""Seconds that closing waits for requests in flight."""


LEAST_PAYLOAD = 768 * 1024
"""Bytes that a server's messages must be able to have: chunks of payloads have 512 KiB."""

READY_WITHIN = 10.0
"""A consumer that gets nothing for so long is not ready: heartbeats come every few seconds."""
ALIVE_WITHIN = 60.0
"""One that got nothing for so long, while connected, will not recover by itself."""


async def open_backend(
    options: ConnectionOptions,
    namespace: str = DEFAULT_NAMESPACE,
    *,
    settings: Settings | None = None,
    topology: TopologyOptions | None = None,
    clock: Clock | None = None,
    create: bool = True,
    direct: bool = False,
    agreed: str = "",
) -> Backend:
    """Connect, check the server, create or check streams, and return all ports.

    With `direct`, records and leases are read from any replica, by requests that name the key.

    Raises:
        NamespaceNotFound: something is missing, and `create` is not wanted.
        InvalidInput: the namespace or the options are not usable.
        ServerUnavailable: there is no usable server.
        TopologyMismatch: streams exist with other settings.
    """
    names = Names(namespace)
    connection = await connect(options)
    try:
        return await _assemble(
            connection,
            options,
            names,
            settings or Settings(),
            topology or TopologyOptions(),
            clock or SystemClock(),
            create=create,
            direct=direct,
            agreed=agreed,
        )
    except BaseException:
        await connection.close()
        raise


async def _assemble(
    connection: Connection,
    options: ConnectionOptions,
    names: Names,
    settings: Settings,
    topology_options: TopologyOptions,
    clock: Clock,
    *,
    create: bool,
    direct: bool,
    agreed: str,
) -> Backend:
    if connection.client.max_payload < LEAST_PAYLOAD:
        raise ServerUnavailable(
            f"{connection.url} takes messages of at most {connection.client.max_payload:,} bytes, "
            f"and flowworker needs {LEAST_PAYLOAD:,}: raise the server's max_payload"
        )
    check_cluster(topology_options.durability, connection.client.cluster)
    api = Api(connection, direct=direct)
    topology = Topology(api, names, topology_options, create=create, agreed=agreed)
    partitions = await _ensured(connection, api, topology, clock, options.wait)
    names = topology.names
    publisher = Publisher(connection)
    caretaker = Caretaker(connection, topology)
    consumers = Consumers(connection, topology, caretaker, names, clock)
    records = partial(BucketRecords, publisher, api)
    runs = run_records(publisher, api, names)
    notifier = CoreNotifier(connection)
    announcements = Announcements(notifier, names)
    leases = BucketLeases(publisher, api, names.locks, records(names.locks), clock, announcements)
    behind = topology.durability == "power"
    events = StreamEventLog(
        connection, publisher, api, consumers, names, settings, partitions, behind=behind
    )
    return Backend(
        namespace=names.namespace,
        runs=runs,
        definitions=records(names.definitions),
        payloads=records(names.payloads),
        leases=leases,
        presences=BucketPresences(publisher, Api(connection, direct=True), names.locks),
        steps=StreamStepQueue(publisher, api, consumers, names, settings, clock),
        lanes=StreamLanes(api, consumers, names, settings),
        events=events,
        commands=StreamCommandQueue(publisher, api, consumers, names),
        timers=StreamTimers(publisher, api, consumers, names),
        notifier=notifier,
        max_message=connection.client.max_payload,
        inbox=options.inbox_prefix,
        open_heartbeat=partial(open_heartbeat, options, names),
        ready=lambda: (
            connection.connected and consumers.active(READY_WITHIN) and caretaker.satisfied
        ),
        close=partial(_close, connection, consumers),
        agreed=topology.agreed,
        alive=lambda: not connection.connected or consumers.active(ALIVE_WITHIN),
        on_incident=connection.on_incident,
        meter=StreamMeter(api, names, runs),
        tail=(
            Tail(
                UNFLUSHED,
                lambda: connection.client.server_id,
                partial(changed_since, publisher, api, names),
            )
            if behind
            else None
        ),
        shards=len(names.shards),
    )


async def _ensured(
    connection: Connection, api: Api, topology: Topology, clock: Clock, wait: float
) -> int:
    """Create or check what is needed; a cluster that elects just now is asked again."""

    async def ensure() -> int:
        await api.check()
        return await topology.ensure()

    def may_pass(error: Unavailable) -> bool:
        if isinstance(error, ServerUnavailable):
            return connection.announces_jetstream and isinstance(error.__cause__, Unavailable)
        return is_passing(error)

    return await retry_unavailable(
        clock, clock.monotonic() + wait, ensure, may_pass=may_pass, pauses=(PAUSE, PAUSE)
    )


async def _close(connection: Connection, consumers: Consumers) -> None:
    """Stop consuming, wait for requests in flight, disconnect."""
    with contextlib.suppress(Unavailable):
        await consumers.stop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await connection.requests.idle()
    await connection.close()

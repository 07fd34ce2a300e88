"""All ports at once, on memory, NATS or Redis.

On NATS everything is NATS. Redis keeps records and leases, and this process the rest: queues,
events and timers, so that runs that were active when it died are resumed from the records.
"""

from __future__ import annotations

__all__ = ["memory_opening", "nats_opening", "open_memory", "open_redis", "redis_opening"]

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowworker.clock import SystemClock
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.compat.opening import Opening
from flowworker.errors import InvalidInput
from flowworker.memory import memory_backend
from flowworker.settings import Settings
from flowworker.stores.limits import LimitStore
from flowworker.stores.stores import stores_of
from flowworker.wiring import open_nats

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.jetstream import ConnectionOptions
    from flowworker.ports import Backend, HeartbeatLink
    from flowworker.stores.stores import Stores


def open_memory(
    namespace: str = DEFAULT_NAMESPACE,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    partitions: int = 1,
) -> Backend:
    """All ports in this process."""
    return memory_backend(
        namespace,
        settings=settings or Settings(),
        clock=clock or SystemClock(),
        partitions=partitions,
    )


async def open_redis(
    url: str,
    namespace: str = DEFAULT_NAMESPACE,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    partitions: int = 1,
) -> Backend:
    """Records and leases on a Redis server, the rest in this process.

    Raises:
        InvalidInput: URL or namespace are not usable, or the extra `redis` is not installed.
        Unavailable: there is no such server.
    """
    try:
        from flowworker import redis as adapter  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise InvalidInput(f"{error}; install it with `pip install 'flowworker[redis]'`") from error
    clock = clock or SystemClock()
    ports = await adapter.open_redis(url, namespace, clock=clock)
    rest = open_memory(namespace, settings=settings, clock=clock, partitions=partitions)

    async def open_heartbeat() -> HeartbeatLink:
        own = await adapter.open_redis(url, namespace, clock=clock)
        return adapter.RedisHeartbeatLink(own, await rest.open_heartbeat())

    async def close() -> None:
        await rest.close()
        await ports.close()

    return replace(
        rest,
        runs=ports.runs,
        definitions=ports.definitions,
        payloads=ports.payloads,
        leases=ports.leases,
        timers=adapter.RetentionTimers(rest.timers, ports.runs, ports.payloads),
        open_heartbeat=open_heartbeat,
        close=close,
    )


def memory_opening(clock: Clock | None) -> Opening:
    """All ports in this process, empty at every opening."""

    async def open_stores() -> Stores:
        return stores_of(open_memory(clock=clock))

    return Opening(open_stores)


def nats_opening(
    url: str | ConnectionOptions | None,
    namespace: str | None,
    *,
    settings: Settings | None = None,
    **more: Any,
) -> Opening:
    """All ports on NATS; arguments as for `wiring.open_nats`."""

    async def open_stores() -> Stores:
        backend = await open_nats(url, namespace, settings=settings, **more)
        return stores_of(backend, settings)

    return Opening(open_stores)


def redis_opening(
    url: str, namespace: str, settings: Settings | None, clock: Clock | None
) -> Opening:
    """Records and leases on Redis, the rest in this process, and so who waits for a limit."""

    async def open_stores() -> Stores:
        backend = await open_redis(url, namespace, settings=settings, clock=clock)
        # Who is let in goes on in the queues of the one who lets in: these are this process' own.
        limits = LimitStore(backend.runs, open_memory(namespace, clock=clock).runs)
        return replace(stores_of(backend, settings), limits=limits)

    return Opening(open_stores)

"""All ports as one process has them: those of the memory adapters, behind a gate, and watched."""

from __future__ import annotations

__all__ = ["backend_of"]

from dataclasses import replace
from typing import TYPE_CHECKING

from flowworker.testing.simulation.deliveries import deliver_to
from flowworker.testing.simulation.records import SimLink, SimRecords, SimRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.core.status import Priority
    from flowworker.ports import (
        Backend,
        Consumer,
        OnDelivery,
        StepAddress,
    )
    from flowworker.testing.simulation.gate import Gate
    from flowworker.testing.simulation.loop import VirtualLoop
    from flowworker.testing.simulation.watch import Watch


def backend_of(gate: Gate, backend: Backend, watch: Watch, virtual: VirtualLoop) -> Backend:
    """What `gate`'s process sees of a backend."""
    runs = SimRuns(gate, backend, watch)

    async def open_heartbeat() -> SimLink:
        return SimLink(runs)

    async def close() -> None:
        pass

    return replace(
        backend,
        runs=runs,
        definitions=SimRecords(gate, backend.definitions, "definitions"),
        payloads=SimRecords(gate, backend.payloads, "payloads"),
        leases=_Leases(gate, backend),
        steps=_Steps(gate, backend, watch, virtual),
        events=_Events(gate, backend, watch, virtual),
        commands=_Commands(gate, backend, watch, virtual),
        timers=_Timers(gate, backend, watch, virtual),
        notifier=_Notifier(gate, backend),
        open_heartbeat=open_heartbeat,
        close=close,
    )


class _Leases:
    def __init__(self, gate: Gate, backend: Backend) -> None:
        self._gate = gate
        self._leases = backend.leases

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        return await self._gate.call(
            "lease.acquire", key, lambda: self._leases.acquire(key, holder, ttl)
        )

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        process, faults = self._gate.process, self._gate.faults
        if process.deluded_until > process.clock.monotonic():
            return token
        if faults.chance("deluded owner", faults.rates.deluded):
            process.deluded_until = process.clock.monotonic() + ttl * (1 + faults.random.random())
            return token
        return await self._gate.call(
            "lease.renew", key, lambda: self._leases.renew(key, holder, ttl, token)
        )

    async def release(self, key: str, holder: str, token: int) -> None:
        await self._gate.call(
            "lease.release", key, lambda: self._leases.release(key, holder, token)
        )

    async def holders(self, pattern: str) -> dict[str, str]:
        return await self._gate.call(
            "lease.holders", pattern, lambda: self._leases.holders(pattern)
        )

    async def remaining(self, key: str) -> float | None:
        return await self._gate.call("lease.remaining", key, lambda: self._leases.remaining(key))

    async def watch(self, key: str, on_free: Callable[[], None]) -> Callable[[], object]:
        return await self._gate.call(
            "lease.watch", key, lambda: self._leases.watch(key, lambda: self._call(on_free))
        )

    def _call(self, on_free: Callable[[], None]) -> None:
        self._gate.process.call(on_free)


class _Source:
    """A port from which deliveries come."""

    def __init__(self, gate: Gate, backend: Backend, watch: Watch, virtual: VirtualLoop) -> None:
        self._gate = gate
        self._backend = backend
        self._watch = watch
        self._virtual = virtual


class _Steps(_Source):
    async def enqueue(
        self, address: StepAddress, data: bytes, message_id: str, due: float = 0.0
    ) -> None:
        async def effect() -> None:
            await self._backend.steps.enqueue(address, data, message_id, due)
            self._watch.enqueued(address, data)

        await self._gate.call("steps.enqueue", message_id, effect)

    async def consume(self, queue: str, priority: Priority, on_delivery: OnDelivery) -> Consumer:
        return await deliver_to(
            self._gate,
            self._virtual,
            on_delivery,
            self._watch.step_acked,
            lambda take: self._backend.steps.consume(queue, priority, take),
        )

    async def drop(self, run: str) -> None:
        await self._gate.call("steps.drop", run, lambda: self._backend.steps.drop(run))


class _Events(_Source):
    @property
    def partitions(self) -> int:
        return self._backend.events.partitions

    async def publish(
        self, run: str, event_type: str, data: bytes, event_id: str, *, once: bool = False
    ) -> None:
        async def effect() -> None:
            await self._backend.events.publish(run, event_type, data, event_id, once=once)
            self._watch.published(run, event_type, data, event_id)

        await self._gate.call("events.publish", event_id, effect)

    async def consume(self, partition: int, on_delivery: OnDelivery) -> Consumer:
        return await deliver_to(
            self._gate,
            self._virtual,
            on_delivery,
            self._watch.event_acked,
            lambda take: self._backend.events.consume(partition, take),
        )

    async def history(self, run: str) -> list[bytes]:
        return await self._gate.call(
            "events.history", run, lambda: self._backend.events.history(run)
        )

    async def drop(self, run: str) -> None:
        async def effect() -> None:
            await self._backend.events.drop(run)
            self._watch.forgotten(run)

        await self._gate.call("events.drop", run, effect)


class _Commands(_Source):
    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        return await self._gate.call(
            "commands.send", subject, lambda: self._backend.commands.send(subject, data, headers)
        )

    async def consume(self, on_delivery: OnDelivery) -> Consumer:
        return await deliver_to(
            self._gate,
            self._virtual,
            on_delivery,
            self._watch.command_acked,
            self._backend.commands.consume,
        )


class _Timers(_Source):
    async def set(self, run: str, name: str, at: float) -> None:
        await self._gate.call(
            "timers.set", f"{run} {name}", lambda: self._backend.timers.set(run, name, at)
        )

    async def clear(self, run: str, name: str) -> None:
        await self._gate.call(
            "timers.clear", f"{run} {name}", lambda: self._backend.timers.clear(run, name)
        )

    async def consume(self, on_delivery: OnDelivery) -> Consumer:
        return await deliver_to(
            self._gate,
            self._virtual,
            on_delivery,
            self._watch.timer_acked,
            self._backend.timers.consume,
        )


class _Notifier:
    def __init__(self, gate: Gate, backend: Backend) -> None:
        self._gate = gate
        self._notifier = backend.notifier

    async def publish(self, subject: str, data: bytes) -> None:
        if self._lost():
            return
        await self._gate.call("publish", subject, lambda: self._notifier.publish(subject, data))

    async def subscribe(
        self, subject: str, on_message: Callable[[str, bytes], None]
    ) -> Callable[[], object]:
        def take(subject: str, data: bytes) -> None:
            if not self._lost():
                self._gate.process.call(on_message, subject, data)

        end = await self._gate.call(
            "subscribe", subject, lambda: self._notifier.subscribe(subject, take)
        )
        self._gate.process.on_death.append(end)
        return end

    def _lost(self) -> bool:
        return self._gate.faults.chance("news lost", self._gate.faults.rates.news_lost)

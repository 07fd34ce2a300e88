"""All ports as one process has them: those of the memory adapters, behind a gate, and watched."""

from __future__ import annotations

__all__ = ["backend_of"]

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from flowworker.codec.subjects import CommandKind
from flowworker.core.ids import COORDINATOR
from flowworker.errors import PayloadTooLarge, Unavailable
from simulation.deliveries import deliver_to
from simulation.leases import SimLeases
from simulation.notices import SimNotifier
from simulation.records import SimLink, SimPayloads, SimRecords, SimRuns

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Mapping, Sequence
    from typing import Any

    from flowworker.codec.subjects import CommandLane
    from flowworker.core.status import Priority
    from flowworker.ports import (
        Backend,
        Consumer,
        OnDelivery,
        StepAddress,
        StoredEvent,
        WaitingStart,
    )
    from flowworker.simulate.loop import VirtualLoop
    from simulation.gate import Gate
    from simulation.stale_reads import Archive
    from simulation.watch import Watch

T = TypeVar("T")

_Later: TypeAlias = "Coroutine[Any, Any, T]"


def backend_of(
    gate: Gate, backend: Backend, watch: Watch, archive: Archive, virtual: VirtualLoop
) -> Backend:
    """What `gate`'s process sees of a backend."""
    runs = SimRuns(gate, backend, watch, archive)

    async def open_heartbeat() -> SimLink:
        return SimLink(runs)

    async def close() -> None:
        pass

    return replace(
        backend,
        runs=runs,
        definitions=SimRecords(gate, backend.definitions, "definitions"),
        payloads=SimPayloads(gate, backend, watch),
        leases=SimLeases(gate, backend),
        steps=_Steps(gate, backend, watch, virtual),
        lanes=_Lanes(gate, backend),
        events=_Events(gate, backend, watch, archive, virtual),
        commands=_Commands(gate, backend, watch, virtual),
        timers=_Timers(gate, backend, watch, virtual),
        notifier=SimNotifier(gate, backend),
        open_heartbeat=open_heartbeat,
        close=close,
    )


class _Source:
    """A port from which deliveries come."""

    def __init__(self, gate: Gate, backend: Backend, watch: Watch, virtual: VirtualLoop) -> None:
        self._gate = gate
        self._backend = backend
        self._watch = watch
        self._virtual = virtual


class _Steps(_Source):
    def enqueue(
        self, address: StepAddress, data: bytes, message_id: str, due: float = 0.0
    ) -> _Later[None]:
        async def effect() -> None:
            largest = self._gate.faults.largest
            if largest is not None and len(data) > largest:
                truth = self._watch.runs.get(address.run)
                if truth is not None and truth.was_paused:
                    truth.robbed = True  # the first message was withdrawn, and had room
                raise PayloadTooLarge(f"simulated: {len(data)} bytes exceed {largest} bytes")
            await self._backend.steps.enqueue(address, data, message_id, due)
            self._watch.enqueued(self._gate.process, address, data)

        return self._gate.call("steps.enqueue", message_id, effect)

    def consume(
        self, queue: str, priority: Priority, on_delivery: OnDelivery, *, shard: int = 0
    ) -> _Later[Consumer]:
        return deliver_to(
            self._gate,
            self._virtual,
            on_delivery,
            self._watch.step_acked,
            lambda take: self._backend.steps.consume(queue, priority, take, shard=shard),
            lambda delivery: self._watch.lost(delivery.subject.split(".")[3]),
            self._watch.step_handed_out,
            self._watch.quiet.put_back,
        )

    def queued(self, address: StepAddress) -> _Later[list[bytes]]:
        about = f"{address.run}/{address.step}"
        return self._gate.call("steps.queued", about, self._backend.steps.queued, address)

    def places(self, at: StepAddress) -> _Later[list[Any]]:
        return self._gate.call("steps.places", at.run, self._backend.steps.places, at)

    def backlog(self) -> _Later[dict[str, list[str]]]:
        self._watch.rebuilds.looked(self._gate.process)
        return self._gate.call("steps.backlog", "all", self._backend.steps.backlog)

    def drop(self, run: str) -> _Later[None]:
        return self._gate.call("steps.drop", run, self._backend.steps.drop, run)

    def withdraw(self, run: str, delayed: Collection[str]) -> _Later[None]:
        async def effect() -> None:
            truth = self._watch.runs.get(run)
            if truth is not None and not (truth.record.is_paused or truth.record.stop):
                truth.robbed = True  # of what was enqueued since, by one that stood still
            await self._backend.steps.withdraw(run, delayed)

        return self._gate.call("steps.withdraw", run, effect)


class _Lanes:
    def __init__(self, gate: Gate, backend: Backend) -> None:
        self._gate = gate
        self._lanes = backend.lanes

    def hold(self, queue: str) -> _Later[bool]:
        return self._gate.call("lanes.hold", queue, self._lanes.hold, queue)

    def release(self, queue: str) -> _Later[bool]:
        return self._gate.call("lanes.release", queue, self._lanes.release, queue)


class _Events(_Source):
    def __init__(
        self, gate: Gate, backend: Backend, watch: Watch, archive: Archive, virtual: VirtualLoop
    ) -> None:
        super().__init__(gate, backend, watch, virtual)
        self._archive = archive

    @property
    def partitions(self) -> int:
        return self._backend.events.partitions

    def publish(
        self, run: str, event_type: str, data: bytes, event_id: str, **options: Any
    ) -> _Later[None]:
        server = self._server() if options.get("sender", COORDINATOR) == COORDINATOR else None

        async def effect() -> None:
            self._check()
            if server not in {None, self._server()}:  # it was sent once, to the one before
                raise Unavailable("simulated: the server was started anew")
            await self._backend.events.publish(run, event_type, data, event_id, **options)
            self._archive.history(run, await self._backend.events.history(run))
            self._watch.published(self._gate.process, run, event_type, data, event_id)

        return self._gate.call("events.publish", event_id, effect)

    def publish_before_end(
        self, run: str, event_type: str, data: bytes, event_id: str, *, once: bool = False
    ) -> _Later[bool]:
        async def effect() -> bool:
            self._check()
            events = self._backend.events
            stored = await events.publish_before_end(run, event_type, data, event_id, once=once)
            if stored:
                self._archive.history(run, await events.history(run))
                self._watch.published(self._gate.process, run, event_type, data, event_id)
            return stored

        return self._gate.call("events.publish_before_end", event_id, effect)

    def consume(self, partition: int, on_delivery: OnDelivery) -> _Later[Consumer]:
        return deliver_to(
            self._gate,
            self._virtual,
            on_delivery,
            partial(self._watch.event_acked, self._gate.process),
            lambda take: self._backend.events.consume(partition, take),
            lambda delivery: self._watch.lost(delivery.subject.split(".")[2]),
            lambda delivery: self._watch.replays.handed_out(partition, delivery),
        )

    def history(self, run: str) -> _Later[list[StoredEvent]]:
        return self._gate.call("events.history", run, self._history, run)

    def drop(self, run: str) -> _Later[None]:
        async def effect() -> None:
            self._check()
            before = await self._backend.events.history(run)
            await self._backend.events.drop(run)
            self._archive.history(run, [])
            self._watch.forgotten(run, before)

        return self._gate.call("events.drop", run, effect)

    async def _history(self, run: str) -> list[StoredEvent]:
        self._watch.rebuilds.read(self._gate.process, run)
        stale = self._stale()
        self._watch.replays.history_read(self._gate.process, run, stale=stale is not None)
        if stale is None:
            return await self._backend.events.history(run)
        return list(stale.get(run, ()))

    def _server(self) -> str:
        """Which life of it this is, where that makes a difference."""
        tail = self._backend.tail
        return "" if tail is None else tail.incarnation()

    def _stale(self) -> Mapping[str, list[StoredEvent]] | None:
        stale = self._gate.process.stale_view()
        return None if stale is None else stale.histories

    def _check(self) -> None:
        if self._stale() is not None:
            raise Unavailable("simulated: a node without its peers")


class _Commands(_Source):
    def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> _Later[int]:
        return self._gate.call(
            "commands.send", subject, self._backend.commands.send, subject, data, headers
        )

    def consume(self, lane: CommandLane, on_delivery: OnDelivery) -> _Later[Consumer]:
        return deliver_to(
            self._gate,
            self._virtual,
            on_delivery,
            self._watch.command_acked,
            partial(self._backend.commands.consume, lane),
        )

    def waiting(
        self, after: int = 0, kind: CommandKind = CommandKind.START
    ) -> _Later[WaitingStart | None]:
        return self._gate.call("commands.waiting", "", self._backend.commands.waiting, after, kind)


class _Timers(_Source):
    def set(self, run: str, name: str, at: float) -> _Later[None]:
        return self._gate.call(
            "timers.set", f"{run} {name}", self._backend.timers.set, run, name, at
        )

    def clear(self, run: str, name: str) -> _Later[None]:
        return self._gate.call(
            "timers.clear", f"{run} {name}", self._backend.timers.clear, run, name
        )

    def runs(self, name: str) -> _Later[list[str]]:
        return self._gate.call("timers.runs", name, self._backend.timers.runs, name)

    def missing(self, runs: Sequence[str], name: str) -> _Later[list[str]]:
        return self._gate.call("timers.missing", name, self._backend.timers.missing, runs, name)

    def consume(self, on_delivery: OnDelivery, *, shard: int = 0) -> _Later[Consumer]:
        return deliver_to(
            self._gate,
            self._virtual,
            on_delivery,
            self._watch.timer_acked,
            lambda take: self._backend.timers.consume(take, shard=shard),
        )

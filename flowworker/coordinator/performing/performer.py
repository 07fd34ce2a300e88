"""Performs what `decide` wants, in the order that makes a crash between any two harmless.

    1. the run's record, by compare-and-set: a stale coordinator stops here
    2. the history (and the index), so that no effect is seen before its cause
    3. step messages, fences, timers, the result: idempotent, in any order
    4. the index entry of the former status, by which recovery finds the run until all is done

The event that led to the decision is acknowledged only after all of them.
"""

from __future__ import annotations

__all__ = ["Performer"]

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any, assert_never

from msgspec.structs import replace

from flowworker.codec.cloudevents import emitted, recorded_events
from flowworker.codec.index import entry_of
from flowworker.codec.json import encode
from flowworker.codec.keys import START, TIMEOUT
from flowworker.coordinator.live import check_server
from flowworker.core.effects import (
    Answer,
    Conclude,
    Dispatch,
    Emit,
    Enter,
    Expand,
    Fence,
    Finish,
    Gather,
    Judge,
    Repeat,
    Save,
    SetStart,
    SetTimeout,
    Withdraw,
)
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.tasks import all_over

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence

    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.coordinator.history import History
    from flowworker.coordinator.limits.gate import Gate
    from flowworker.coordinator.live import LiveRun
    from flowworker.coordinator.performing.closing import Closing
    from flowworker.coordinator.performing.dispatch import Dispatcher
    from flowworker.coordinator.performing.fencing import Fences
    from flowworker.coordinator.steps.waits import Waits
    from flowworker.core.effects import Effect
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.stores.outbox import Lost
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

_AT_A_TIME = 128
"""Effects of one decision that are performed at a time: a server drops what it cannot queue."""

_ONCE = ENDS | {EventType.STARTED}
"""Events of which a history has one."""


class Performer:
    """Performs effects by means of the ports."""

    def __init__(
        self,
        stores: Stores,
        dispatcher: Dispatcher,
        waits: Waits,
        fences: Fences,
        closing: Closing,
        gate: Gate,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Perform by means of these."""
        self._namespace = stores.backend.namespace
        self._events = stores.backend.events
        self._tail = stores.backend.tail
        self._timers = stores.backend.timers
        self._runs = stores.runs
        self._dispatcher = dispatcher
        self._waits = waits
        self._fences = fences
        self._closing = closing
        self._gate = gate
        self._short_delay = stores.settings.short_delay
        self._clock = clock
        self._metrics = metrics
        self._counted = {
            EventType.STEP_RETRYING: metrics.retries,
            EventType.STEP_FALLBACK: metrics.fallbacks,
            EventType.STEP_SKIPPED: metrics.steps_skipped,
            EventType.WAITING_HUMAN: metrics.humans_asked,
            EventType.COMPENSATING: metrics.sagas,
            EventType.STEP_COMPENSATION_FAILED: metrics.failed_compensations,
        }

    async def perform(self, live: LiveRun, effects: Sequence[Effect]) -> None:
        """Perform what was decided from an event, which is acknowledged afterwards.

        Args:
            live: the run; its state is the one after the decision. Dispatches that wait for a short
                delay are left to its `delayed`.
            effects: as `decide` returned them.

        Raises:
            Conflict: another coordinator changed the run; what is in memory is stale.
        """
        moved_from = None
        if effects and isinstance(effects[0], Save | Emit):  # these come first
            moved_from = await self._save(live, effects)
            events = await self._emitted(live, effects)
            if events or moved_from is not None:
                await self._publish_and_list(live, events, moved_from)
        await _in_any_order(self._begin(live, effects))
        if moved_from is not None:
            await self._unlist(live, moved_from)

    async def restore(
        self,
        live: LiveRun,
        effects: Sequence[Effect],
        steps: Mapping[str, tuple[StepRecord, int]],
        history: History,
        lost: Iterable[Lost] = (),
    ) -> None:
        """Perform what was decided from records, unless that was done before.

        An event is published only if the history lacks it, and a step enqueued only if it has no
        message. Nothing is delayed in process, since there may be no event to come again.

        Args:
            live: the run; its state is the one after the decision.
            effects: as `rebuild` returned them.
            steps: the records that it was rebuilt from, with their revisions. A worker may have
                died between a record and its event, so these events are published first: what
                follows from them must not stand in the history before them.
            history: of the run, read before the records.
            lost: what came from outside, to be published again before what follows from it.

        Raises:
            Conflict: another coordinator changed the run meanwhile.
        """
        recorded = recorded_events(self._namespace, live.state.record, steps.values())
        await self._publish(live, history.missing(recorded))
        for one in lost:
            await one.publish(self._events)
        moved_from = await self._save(live, effects)
        events = history.missing(await self._emitted(live, effects))
        await self._publish_and_list(live, events, moved_from)
        await _in_any_order(self._begin_again(live, effects))
        if moved_from is not None:
            await self._unlist(live, moved_from)

    async def _save(self, live: LiveRun, effects: Sequence[Effect]) -> RunStatus | None:
        """Write the record if it changed; the run's former status, if it has another one now."""
        if not effects or not isinstance(effects[0], Save):
            return None
        revision = await self._runs.save(live.state.record, live.state.revision)
        live.state = replace(live.state, revision=revision)
        return effects[0].moved_from

    async def _emitted(self, live: LiveRun, effects: Sequence[Effect]) -> list[CloudEvent]:
        emits = [effect for effect in effects if isinstance(effect, Emit)]
        if not emits:
            return []
        state, now = live.state, self._clock.now()
        for place, emit in enumerate(emits):
            if emit.type is EventType.WAITING_HUMAN and emit.reason:
                asked = await self._waits.asked(live.plan, state, emit.step_id, emit.reason)
                emits[place] = replace(emit, reason=asked)
        return [emitted(self._namespace, state.record, emit, state.revision, now) for emit in emits]

    async def _publish(self, live: LiveRun, events: Iterable[CloudEvent]) -> None:
        """One after the other: a cause that fails must not be overtaken by its effect."""
        for event in events:
            check_server(live, self._tail)
            run, once = event.data.id, event.type in _ONCE
            await self._events.publish(run, event.type, encode(event), event.id, once=once)
            if (counter := self._counted.get(event.type)) is not None:
                counter[event.data.name].inc()

    async def _publish_and_list(
        self, live: LiveRun, events: Iterable[CloudEvent], moved_from: RunStatus | None
    ) -> None:
        if moved_from is None:
            await self._publish(live, events)
            return
        record = live.state.record
        if record.status in TERMINAL:
            self._count_end(record)
        await asyncio.gather(self._publish(live, events), self._runs.index(entry_of(record)))

    def _count_end(self, run: RunRecord) -> None:
        metrics, name = self._metrics, run.workflow
        metrics.runs_finished[name, run.status.value].inc()
        metrics.run_seconds[name].observe(max(run.finished_at - run.created_at, 0.0))
        if run.needs_attention:
            metrics.needing_attention[name].inc()

    async def _unlist(self, live: LiveRun, moved_from: RunStatus) -> None:
        """Last: until the run is listed under its new status alone, recovery finds it here."""
        await self._runs.unindex(entry_of(live.state.record, moved_from))

    def _begin(
        self, live: LiveRun, effects: Sequence[Effect]
    ) -> Iterator[Coroutine[Any, Any, None]]:
        """What may be done in any order, each begun when it is asked for."""
        plan, state = live.plan, live.state
        for effect in effects:
            match effect:
                case Dispatch() if effect.again:
                    yield self._dispatcher.restore(plan, state, effect)
                case Dispatch() if self._is_soon(effect):
                    self._dispatch_later(live, effect)
                case Dispatch():
                    yield self._dispatcher.enqueue(plan, state, effect, effect.due)
                case Save() | Emit() | Conclude() | Expand() | Gather() | Judge() | Repeat():
                    pass
                case _:
                    yield self._effect(live, effect)

    def _begin_again(
        self, live: LiveRun, effects: Sequence[Effect]
    ) -> Iterator[Coroutine[Any, Any, None]]:
        """The same, of which some may have been done before."""
        plan, state = live.plan, live.state
        for effect in effects:
            match effect:
                case Dispatch():
                    yield self._dispatcher.restore(plan, state, effect)
                case Save() | Emit() | Conclude() | Expand() | Gather() | Judge() | Repeat():
                    pass
                case _:
                    yield self._effect(live, effect)

    async def _effect(
        self,
        live: LiveRun,
        effect: Answer | Enter | Fence | SetStart | SetTimeout | Withdraw | Finish,
    ) -> None:
        plan, state = live.plan, live.state
        match effect:
            case Fence():
                await self._fences.fence(plan, state, effect)
            case Answer():
                await self._waits.answer(state, effect)
            case Enter():
                await self._gate.enter_or_cancel(state.record)
            case SetStart():
                await self._timers.set(state.record.run, START, effect.at)
            case SetTimeout():
                await self._timers.set(state.record.run, TIMEOUT, effect.at)
            case Withdraw():
                # one that waited for a short delay may be on its way
                await asyncio.gather(*live.delayed, return_exceptions=True)
                await self._dispatcher.withdraw(plan, state, effect)
            case Finish():
                await self._closing.close(plan, state)
                await self._dispatcher.forget(plan, state)
            case _:
                assert_never(effect)

    def _is_soon(self, effect: Dispatch) -> bool:
        """Whether a dispatch is due so soon that a durable timer would only make it late."""
        return 0.0 < effect.due - self._clock.now() <= self._short_delay

    def _dispatch_later(self, live: LiveRun, effect: Dispatch) -> None:
        async def wait() -> None:
            await self._clock.sleep(effect.due - self._clock.now())
            if live.awaits(effect):
                await self._dispatcher.enqueue(live.plan, live.state, effect, 0.0)

        def done(task: asyncio.Task[None]) -> None:
            # One that failed stays, for those that wait for it before they acknowledge.
            if not task.cancelled() and task.exception() is None:
                live.delayed.discard(task)

        task = asyncio.create_task(wait())
        live.delayed.add(task)
        task.add_done_callback(done)


async def _in_any_order(effects: Iterator[Coroutine[Any, Any, None]]) -> None:
    """Some at a time; what comes behind a failure is not begun."""
    while some := list(islice(effects, _AT_A_TIME)):
        await (some[0] if len(some) == 1 else all_over(some))

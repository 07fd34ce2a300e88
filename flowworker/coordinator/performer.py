"""Performs what `decide` wants, in the order that makes a crash between any two harmless.

    1. the run's record, by compare-and-set: an outdated coordinator stops here
    2. the history (and the index), so that no effect is seen before its cause
    3. step messages, fences, timers, the result: idempotent, in any order
    4. the index entry of the former status, by which recovery finds the run until all is done

Whatever triggered the decision is acknowledged only after all of them.
"""

from __future__ import annotations

__all__ = ["Performer", "only_dispatches"]

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any, assert_never

from msgspec.structs import replace

from flowworker.codec.cloudevents import attempt_events, emitted, run_started_event
from flowworker.codec.json import encode
from flowworker.coordinator.history import History
from flowworker.coordinator.retention import TIMEOUT
from flowworker.core.effects import Dispatch, Emit, Fence, Finish, Save, SetTimeout
from flowworker.core.event_types import ENDS
from flowworker.core.status import TERMINAL, RunStatus

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping, Sequence

    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.coordinator.active import Active
    from flowworker.coordinator.dispatch import Dispatcher
    from flowworker.coordinator.fencing import Fences
    from flowworker.coordinator.retention import Retention
    from flowworker.core.effects import Effect
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.core.state import RunState
    from flowworker.ports import Backend
    from flowworker.settings import Settings
    from flowworker.stores.runs import RunStore
    from flowworker.telemetry.metrics import Metrics

_ABREAST = 128
"""Effects of one decision that are under way at a time: a server drops what it cannot queue."""


def only_dispatches(effects: Sequence[Effect]) -> bool:
    """Whether nothing but step messages follows from a decision, in whatever order."""
    return bool(effects) and all(isinstance(effect, Dispatch) for effect in effects)


class Performer:
    """The hands of a coordinator."""

    def __init__(
        self,
        backend: Backend,
        runs: RunStore,
        dispatcher: Dispatcher,
        fences: Fences,
        retention: Retention,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Perform by means of these."""
        self._namespace = backend.namespace
        self._events = backend.events
        self._timers = backend.timers
        self._runs = runs
        self._dispatcher = dispatcher
        self._fences = fences
        self._retention = retention
        self._short_delay = settings.short_delay
        self._clock = clock
        self._metrics = metrics

    async def history(self, run: str) -> History:
        """What the history of a run says."""
        return History(await self._events.history(run))

    async def publish_missing(
        self, run: RunRecord, steps: Mapping[str, tuple[StepRecord, int]], history: History
    ) -> None:
        """Publish what the records of steps say and the history does not.

        A worker may have died between the two. What follows from its record happens next, and
        would stand in the history before its cause.
        """
        await self._publish(run_started_event(self._namespace, run), history, once=True)
        for step, revision in sorted(steps.values(), key=lambda found: found[1]):
            for event in attempt_events(self._namespace, run.workflow, run.version, step, revision):
                await self._publish(event, history)

    async def perform(
        self, active: Active, effects: Sequence[Effect], *, history: History | None = None
    ) -> None:
        """Do all of it; dispatches that wait for a short delay are left to `active.delayed`.

        Args:
            active: the run; its state is the one after the decision.
            effects: as `decide` returned them.
            history: what need not be published again, if some of it may be done already. Then a
                step is enqueued only if no message of it is there, and nothing is timed in
                process: there may be no event to come again.

        Raises:
            Conflict: another coordinator changed the run; the memory of it is outdated.
        """
        moved_from: RunStatus | None = None
        if effects and isinstance(effects[0], Save):
            await self._save(active)
            moved_from = effects[0].moved_from
        emits = [effect for effect in effects if isinstance(effect, Emit)]
        if emits or moved_from is not None:
            await self._publish_emits(active, emits, moved_from, history)
        rest = self._unordered(active, effects, history)
        while some := list(islice(rest, _ABREAST)):
            if len(some) == 1:
                await some[0]
            else:
                await asyncio.gather(*some)
        if moved_from is not None:
            # Last: until it is listed anew alone, recovery finds the run here.
            record = active.state.record
            await self._runs.unindex(moved_from, record.workflow, record.run)

    async def _save(self, active: Active) -> None:
        revision = await self._runs.save(active.state.record, active.state.revision)
        active.state = replace(active.state, revision=revision)

    async def _publish_emits(
        self,
        active: Active,
        emits: list[Emit],
        moved_from: RunStatus | None,
        history: History | None,
    ) -> None:
        record = active.state.record
        effects = [self._emit(active, emits, history)]
        if moved_from is not None:
            effects.append(self._runs.index(record.status, record.workflow, record.run))
            if record.status in TERMINAL:
                self._metrics.runs_finished.labels(record.status.value).inc()
        await asyncio.gather(*effects)

    async def _emit(self, active: Active, emits: list[Emit], history: History | None) -> None:
        """One after the other: a cause that fails must not be overtaken by its effect."""
        record, now = active.state.record, self._clock.now()
        for emit in emits:
            event = emitted(self._namespace, record, emit, active.state.revision, now)
            await self._publish(event, history, once=emit.type in ENDS)

    async def _publish(
        self, event: CloudEvent, history: History | None, *, once: bool = False
    ) -> None:
        if history is None or event.id not in history:
            run, body = event.data.id, encode(event)
            await self._events.publish(run, event.type, body, event.id, once=once)
            if history is not None:
                history.add(event)

    def _unordered(
        self, active: Active, effects: Sequence[Effect], history: History | None
    ) -> Iterator[Coroutine[Any, Any, None]]:
        """What may be done in any order, each begun when it is asked for."""
        plan, state = active.plan, active.state
        for effect in effects:
            match effect:
                case Save() | Emit():
                    pass
                case Dispatch() if history is not None:
                    yield self._dispatcher.restore(plan, state, effect)
                case Dispatch() if self._is_soon(effect):
                    self._dispatch_later(active, effect)
                case Dispatch():
                    yield self._dispatcher.enqueue(plan, state, effect, effect.due)
                case _:
                    yield self._effect(plan, state, effect)

    async def _effect(
        self, plan: Plan, state: RunState, effect: Fence | SetTimeout | Finish
    ) -> None:
        match effect:
            case Fence():
                await self._fences.fence(plan, state, effect)
            case SetTimeout():
                await self._timers.set(state.record.run, TIMEOUT, effect.at)
            case Finish():
                await self._retention.finish(plan, state)
                self._dispatcher.forget(state)
            case _:
                assert_never(effect)

    def _is_soon(self, effect: Dispatch) -> bool:
        """Whether a dispatch is due so soon that a durable timer would only make it late."""
        return 0.0 < effect.due - self._clock.now() <= self._short_delay

    def _dispatch_later(self, active: Active, effect: Dispatch) -> None:
        async def wait() -> None:
            await self._clock.sleep(effect.due - self._clock.now())
            at = active.state.steps[effect.step]
            wanted = (effect.kind, effect.turn, effect.attempt)
            if (at.kind, at.turn, at.attempt) == wanted and effect.step in active.state.inflight:
                await self._dispatcher.enqueue(active.plan, active.state, effect, 0.0)

        def over(task: asyncio.Task[None]) -> None:
            # One that failed stays: whoever comes to wait for it has to know.
            if not task.cancelled() and task.exception() is None:
                active.delayed.discard(task)

        task = asyncio.create_task(wait())
        active.delayed.add(task)
        task.add_done_callback(over)

"""Runs and steps for people to look at. What cannot be read does not hide the rest."""

from __future__ import annotations

__all__ = ["RunView", "Views"]

import asyncio
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from flowworker.client.hiding import Hiding
from flowworker.client.looking import LARGE, Looking, no_such_run
from flowworker.client.loops import folded
from flowworker.client.payloads import Payloads, PayloadView
from flowworker.client.step_history import StepHistory, is_alone
from flowworker.client.steps import StepView, hidden_step, is_unclaimed, recorded, seen_step
from flowworker.client.summaries import PauseView, hold_of, pause_of
from flowworker.core.forward import verdict_on
from flowworker.core.ids import index_of, step_of
from flowworker.core.rebuild import view
from flowworker.core.records import StopReason
from flowworker.core.rules import Verdict
from flowworker.core.status import TERMINAL, Kind, RunStatus, StepStatus
from flowworker.diagnosis.reasons import Reason  # noqa: TC001 - frameworks read the types of views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.client.hiding import RunHider
    from flowworker.client.looking import Look
    from flowworker.clock import Clock
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores


@dataclass(frozen=True, slots=True)
class RunView:
    """One run with its steps. Times are seconds since the Unix epoch, 0 if there is none.

    Attributes:
        begins_at: when it is to begin, of a run that was started with a delay and has not begun.
        version: the author's label of the definition that the run is pinned to.
        error: why it failed, or why it stops.
        reason: why it ended early, if a step ended it as completed.
        needs_attention: a critical compensation failed.
        rerun_of: the run of which it is a rerun, if it is one.
        parent: the run of which it is an attempt of a step, if it is one.
        children: the runs that its steps are, if they were asked for.
        steps: in topological order; by id, if the definition cannot be read.
        problems: what could not be read, one line each.
        input, output: what it was started with, and results in if its definition says what that is;
            None if they were not asked for.
        why: what it waits for as a whole, if that was asked for.
        paused: why nothing of it begins, if it was paused by itself.
        held: why nothing of it begins, if its whole workflow pauses.
    """

    id: str
    workflow: str
    version: str
    status: RunStatus
    created_at: float
    finished_at: float = 0.0
    error: str = ""
    reason: str = ""
    needs_attention: bool = False
    failed_compensations: tuple[str, ...] = ()
    rerun_of: str = ""
    steps: tuple[StepView, ...] = ()
    problems: tuple[str, ...] = ()
    begins_at: float = 0.0
    parent: str = ""
    children: tuple[RunView, ...] = ()
    input: PayloadView | None = None
    output: PayloadView | None = None
    why: tuple[Reason, ...] = ()
    paused: PauseView | None = None
    labels: dict[str, str] = field(default_factory=dict)
    held: PauseView | None = None

    @property
    def waiting(self) -> tuple[str, ...]:
        """Steps that wait for a human, instances of loops among them."""
        return tuple(step.id for step in self.each() if step.status is StepStatus.WAITING_HUMAN)

    def each(self) -> Iterator[StepView]:
        """The steps, each loop with those of its instances that are shown."""
        for step in self.steps:
            yield step
            yield from () if step.instances is None else step.instances.shown


class Views:
    """Reads records and says what they mean.

    Attributes:
        unknown: hides what is secret in any run.
    """

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._runs = stores.runs
        self._definitions = stores.definitions
        self._events = stores.backend.events
        self._clock = clock
        self._looking = Looking(stores, clock)
        self._payloads = Payloads(stores)
        self._hiding = Hiding(stores)
        self.unknown = self._hiding.unknown

    async def record(self, run: str) -> RunRecord | None:
        """The record of a run, or None; so it is with one that is refused, and about to go."""
        found = await self._runs.load(run)
        return None if found is None or found[0].refused else found[0]

    async def hider(self, run: str) -> RunHider:
        """What hides the secrets of a run, as far as there is one."""
        record = await self.record(run)
        return self.unknown if record is None else await self._hiding.of(record)

    async def plan(self, run: str) -> Plan:
        """What a run is pinned to."""
        record = await self.record(run)
        if record is None:
            raise no_such_run(run)
        return await self._definitions.by_hash(record.definition)

    async def run(self, run: str, *, values: bool = False, reveal: bool = False) -> RunView:
        """A run and its steps; with `values`, small inputs and outputs.

        With `reveal`, here and below, what is secret of it is seen as well.
        """
        look = await self._looking.at(run, reveal=reveal)
        record, stop, hide = look.record, look.record.stop, look.hider.text
        ended = stop is not None and stop.reason is StopReason.ENDED
        seen = RunView(
            id=record.run,
            workflow=record.workflow,
            version=record.version,
            status=record.status,
            created_at=record.created_at,
            finished_at=record.finished_at,
            error=hide(record.error or ("" if stop is None or ended else stop.message)),
            reason=hide(stop.message) if stop is not None and ended else "",
            needs_attention=record.needs_attention,
            failed_compensations=record.failed_compensations,
            rerun_of=record.rerun_of,
            steps=tuple(
                hidden_step(step, look.hider)
                for step in _steps(look, await self._step_history(look))
            ),
            begins_at=record.begins_at,
            parent="" if record.parent is None else record.parent.run,
            problems=tuple(map(hide, look.problems)),
            paused=pause_of(record, hide),
            labels=record.labels,
            held=hold_of(record, hide),
        )
        return await self._with_values(look, seen) if values else seen

    async def step(self, run: str, step: str, *, reveal: bool = False) -> StepView:
        """One step, or instance of a loop, with its input, output and attempts."""
        look = await self._looking.at(run, step, reveal=reveal)
        plan, state = look.of_step(step)
        history = await self._history_of(look, step)
        found = look.steps.get(step)
        seen = replace(
            seen_step(step, plan.step(step), state.steps[step], found, history),
            instances=folded(step, plan, state, look.steps, history),
            attempts=tuple(history.attempts.get(step, ())),
        )
        return replace(
            hidden_step(seen, look.hider),
            input=await self._payloads.view_of_step_input(look, step),
            output=await self._payloads.view_of_step_output(look, step),
        )

    async def input_of(self, run: str, step: str, *, reveal: bool = False) -> bytes:
        """What a step is given, or without one the run's input, as JSON; see `Payloads`."""
        look = await self._looking.at(run, step, reveal=reveal)
        if step:
            return await self._payloads.input_of(look, step)
        return await self._payloads.input_of_run(look)

    async def output_of(
        self, run: str, step: str, iteration: int = 0, *, reveal: bool = False
    ) -> bytes:
        """What a step, or an iteration of it, has put out, as JSON; see `Payloads`."""
        look = await self._looking.at(run, step, reveal=reveal)
        history = await self._whole_history(look) if iteration else StepHistory(run)
        return await self._payloads.output_of(look, step, history, iteration)

    async def _with_values(self, look: Look, seen: RunView) -> RunView:
        """The same with inputs and outputs that are small."""

        async def valued(step: StepView) -> StepView:
            id_ = step_of(step.id)
            given = await self._payloads.view_of_step_input(look, id_, merged=False)
            output = await self._payloads.view_of_step_output(look, id_)
            instances = step.instances
            if instances is not None:
                shown = await asyncio.gather(*map(valued, instances.shown))
                instances = replace(instances, shown=tuple(shown))
            return replace(step, input=given, output=output, instances=instances)

        return replace(
            seen,
            input=await self._payloads.view_of_input(look),
            output=await self._payloads.view_of_output(look),
            steps=tuple([await valued(step) for step in seen.steps]),
        )

    async def _step_history(self, look: Look) -> StepHistory:
        """What the records lack; the history is not read if they lack nothing."""
        if _lacks_something(look):
            return await self._whole_history(look)
        return StepHistory(look.record.run, None if look.known is None else look.known[0])

    async def _history_of(self, look: Look, step: str) -> StepHistory:
        """All attempts of a step; those of a large run are not read for what its record says."""
        record = look.steps[step][0] if step in look.steps else None
        is_large = look.is_part or len(look.steps) > LARGE
        if record is None or not is_large or not is_alone(record):
            return await self._whole_history(look)
        if not look.is_part and _lacks_something(look):
            return await self._whole_history(look)
        return StepHistory.of(record)

    async def _whole_history(self, look: Look) -> StepHistory:
        run, plan = look.record.run, None if look.known is None else look.known[0]
        return StepHistory(run, plan, await self._events.history(run))

    async def output(self, run: str) -> dict[str, Payload]:
        """What the steps on which nothing depends put out."""
        found = await self._runs.load(run)
        if found is None:
            raise no_such_run(run)
        plan = await self._definitions.by_hash(found[0].definition)
        steps = await self._runs.load_steps(run, plan)
        state = view(plan, *found, steps, self._clock.now())
        outputs = ((step, state.steps[step].output) for step in plan.leaves)
        return {step: payload for step, payload in outputs if payload is not None}


def _lacks_something(look: Look) -> bool:
    """Whether the history adds to the records: handlers that are missing, times of the undone."""
    records = look.steps
    if any(record.kind is Kind.COMPENSATE for record, _ in records.values()):
        return True
    plan, state = look.known or (None, None)
    if plan is None or state is None or look.record.status in TERMINAL:
        return False
    ready = (step for step in plan.order if verdict_on(plan, state, step) is Verdict.RUN)
    begun = (step for step in state.inflight if index_of(step) is not None)
    return any(is_unclaimed(state.steps[step], records.get(step)) for step in chain(ready, begun))


def _steps(look: Look, history: StepHistory) -> tuple[StepView, ...]:
    """The steps in topological order; by id, if the definition cannot be read."""
    records = look.steps
    if look.known is None:
        return tuple(recorded(records[step][0], history) for step in sorted(records))
    plan, state = look.known

    def seen(step: str) -> StepView:
        found = seen_step(step, plan.step(step), state.steps[step], records.get(step), history)
        instances = folded(step, plan, state, records, history)
        return found if instances is None else replace(found, instances=instances)

    return tuple(map(seen, plan.order))

"""What steps do in a simulated world: work, fail, dawdle, tell, ignore, or kill the worker."""

from __future__ import annotations

__all__ = ["HANDLERS", "Behaviour", "simulated_app"]

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import msgspec

from flowworker.codec.json import encode
from flowworker.core.payload import Inline, Stored
from flowworker.core.status import Kind, Outcome
from flowworker.errors import NonRetryableError, RetryAfter
from flowworker.handlers import App, StepContext
from flowworker.simulate.process import current_process
from simulation.focus import ANYTHING, Focus
from simulation.sayings import Senseless, has_unknown, template

if TYPE_CHECKING:
    from random import Random

    from flowworker.simulate.loop import VirtualLoop
    from flowworker.simulate.process import Process
    from simulation.faults import Faults
    from simulation.truth import Truth
    from simulation.watch import Watch


GIVEN_UP = 5.5
"""Seconds after its cancellation at which every handler was abandoned (`worker.attempt`: 5)."""


_OWN_WAIT = 0.3
"""Share of errors that say themselves when it is worth trying again."""

_LONGEST_WAIT = 6.0


class Refused(Exception):
    """An error that some retry policies do not try again."""


class Behaviour:
    """How the handlers of one world behave.

    Some steps are poison: every worker that runs them dies.
    """

    def __init__(
        self,
        random: Random,
        watch: Watch,
        faults: Faults,
        sizes: tuple[int, ...],
        waits: Random,
        focus: Focus = ANYTHING,
    ) -> None:
        """Draw what happens from `random`, and from `waits` when it is worth trying again.

        Outputs are padded to `sizes` in turn, if at all.
        """
        self._random = random
        self._waits = waits
        self._watch = watch
        self._faults = faults
        self._sizes = sizes
        self._failing = random.random() * 0.4
        self._slow = random.random() * 0.3
        self._deadly = random.random() ** 4 * 0.3
        self._poison = random.random() ** 4 * 0.2
        self._stubborn = random.random() ** 2 * 0.5
        self._quickest = 0.5
        if focus.dawdling:
            self._slow = self._stubborn = 0.5
        if focus.backlog:
            self._slow, self._quickest, self._poison = 1.0, 5.0, 0.0
        if focus.quiet:
            self._deadly = self._poison = 0.0
        self._poisoned: dict[tuple[str, str, str], bool] = {}
        self._outputs = 0

    async def perform(self, context: StepContext) -> dict[str, Any]:
        """One execution of a handler."""
        random = self._random
        process = current_process()
        self._check(context, "" if process is None else process.name)
        if process is not None and self._kills(context):
            self._watch.counts["worker killed by its step"] += 1
            process.die()
            raise asyncio.CancelledError
        if self._chance(0.1):
            await context.emit("thing.done", {"step": context.step_id}, key=context.step_id)
            self._watch.promises.emitted(context.run_id, "thing.done", context.step_id)
        too_late = await self._dawdle(self._duration(), process)
        if self._chance(self._failing):
            error = random.choice((ValueError, Refused, NonRetryableError))
            if error is ValueError and self._waits.random() < _OWN_WAIT:
                raise RetryAfter(self._waits.random() * _LONGEST_WAIT, "simulated")
            raise error("simulated")
        self._outputs += 1
        if too_late:
            self._watch.discarded.add(self._outputs)
        size = self._sizes[self._outputs % len(self._sizes)]
        result = {"n": self._outputs, "padding": "x" * size if self._chance(0.3) else ""}
        self._watch.values[sha256(encode(result)).hexdigest()] = result
        return result

    async def _dawdle(self, seconds: float, process: Process | None) -> bool:
        """Let time pass; some do not hear of their end. Whether it was given up meanwhile."""
        stubborn = self._chance(self._stubborn)
        until, cancelled = _now() + seconds, 0.0
        while (left := until - _now()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                if not stubborn or (process is not None and not process.alive):
                    raise
                cancelled = cancelled or _now()
                self._watch.counts["cancellation ignored"] += 1
        return bool(cancelled) and _now() - cancelled > GIVEN_UP

    def _chance(self, rate: float) -> bool:
        return self._random.random() < rate

    def _duration(self) -> float:
        if self._chance(self._slow):
            return self._random.uniform(self._quickest, 15.0)
        return self._random.random() * 0.2

    def _kills(self, context: StepContext) -> bool:
        key = (context.run_id, context.step_id, context.kind)
        poisoned = self._poisoned.get(key)
        if poisoned is None:
            poisoned = self._poisoned[key] = self._chance(self._poison)
        return poisoned or self._faults.chance("step kills", self._deadly)

    def _check(self, context: StepContext, worker: str) -> None:
        """A handler runs under a claim, and gets what its ancestors put out and nothing else."""
        truth = self._watch.runs[context.run_id]
        step, where = context.step_id, f"{context.run_id} {context.step_id} {context.kind}"
        record, _ = truth.steps.get(step, (None, 0))
        if record is None:
            self._watch.fail("a handler runs without a claim", where)
            return
        behind = record.kind is not context.kind and context.kind is Kind.RUN
        if record.worker != worker or truth.over or behind:
            # It lost its claim before it began: allowed, but nobody may have taken it in time.
            self._watch.counts["handler began without its claim"] += 1
            return
        self._watch.expect(record.kind is context.kind, "another attempt's handler runs", where)
        given = _given(truth, context)
        if given is not None:
            self._check_given(truth, context, given, where)
            return
        for ancestor in truth.plan.ancestors(step):
            expected = self._output_of(context.run_id, ancestor)
            found = context.input.get(ancestor)
            late = found is None and truth.may_begin_early(step)
            same = expected is None or expected == found or late
            self._watch.expect(same, "a step got what nobody put out", f"{where}: {ancestor}")
        if context.kind is Kind.COMPENSATE:
            self._watch.expect(step in context.input, "a compensation without the output", where)

    def _check_given(self, truth: Truth, context: StepContext, given: Any, where: str) -> None:
        """It gets what its definition says, to the letter."""
        try:
            expected = template(truth, given, context.step_id)
        except Senseless:
            self._watch.fail("a step begins without a value that it names", where)
            return
        same = has_unknown(expected) or expected == context.input
        about = f"{where}: {context.input}, not {expected}"
        self._watch.expect(same, "a step got another input than was said", about)

    def _output_of(self, run: str, step: str) -> Any:
        record, _ = self._watch.runs[run].steps.get(step, (None, 0))
        ended = self._watch.runs[run].plan.step(step).end is not None  # for the run, not for steps
        done = record is not None and (
            record.outcome is Outcome.COMPLETED or record.kind is Kind.COMPENSATE
        )
        payload = record.output if record is not None and done and not ended else None
        if isinstance(payload, Stored):
            return self._watch.values.get(payload.digest)
        return msgspec.json.decode(payload.data) if isinstance(payload, Inline) else None


def _given(truth: Truth, context: StepContext) -> dict[str, Any] | None:
    """What its definition says that it gets, if it does."""
    step = truth.plan.step(context.step_id)
    match context.kind:
        case Kind.RUN:
            return step.with_
        case Kind.FALLBACK:
            return None if step.fallback is None else step.fallback.with_
        case _:
            return None if step.saga is None else step.saga.with_


def _now() -> float:
    return cast("VirtualLoop", asyncio.get_running_loop()).moment


HANDLERS = ("work", "fallback", "undo", "rare")


def simulated_app(behaviour: Behaviour, without: str = "") -> App:
    """Handlers for all simulated workflows, but for the one that is left out."""
    app = App()

    async def work(context: StepContext) -> dict[str, Any]:
        return await behaviour.perform(context)

    for name in HANDLERS:
        if name != without:
            app.step(name)(work)
    return app

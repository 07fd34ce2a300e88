"""One world: a fleet on memory adapters, the people who use it, what goes wrong, and its end.

First faults, then calm: every run must come to its end, everything come to rest, and nothing be
left once the runs' retention is over.
"""

from __future__ import annotations

__all__ = ["World"]

import asyncio
from contextvars import copy_context
from random import Random
from typing import TYPE_CHECKING, Any

from flowworker.codec.subjects import CommandKind
from flowworker.definitions.content import plan_of
from flowworker.memory import memory_backend
from flowworker.simulate.clock import SimClock
from flowworker.simulate.loop import Standstill, VirtualLoop
from flowworker.simulate.process import current_process, process_tasks
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.payloads import PayloadStore
from simulation.calls import with_calls
from simulation.constructs import with_constructs, with_groups
from simulation.debounces import Debouncing
from simulation.faults import Faults, any_rates
from simulation.fleet import Fleet, Scene
from simulation.focus import ANYTHING, Focus, focus_of
from simulation.forgers import forge
from simulation.handlers import Behaviour
from simulation.held import Holding
from simulation.labels import with_labels
from simulation.limits import Limiting
from simulation.logs import watched_logs
from simulation.outcome import Outcome
from simulation.outsiders import Outsiders
from simulation.pauses import Pausing
from simulation.pending import Pending
from simulation.people import LAST_START, People
from simulation.power import Power
from simulation.quiet import Quiet
from simulation.rebuilds import Rebuilds
from simulation.rest import left_over, unrest
from simulation.retries import with_rules
from simulation.run_limits import RunLimiting
from simulation.run_rates import RunPacing
from simulation.schedules import Scheduling
from simulation.settings import RETENTION, any_settings, output_sizes
from simulation.stale_reads import Archive
from simulation.starts import stricter
from simulation.strangers import meddle
from simulation.trace import Trace
from simulation.watch import Watch
from simulation.workflows import any_workflow

if TYPE_CHECKING:
    from flowworker.core.model import Workflow
    from flowworker.telemetry.metrics import Metrics

REST_LIMIT = 1500.0
"""Seconds of calm in which every run has to end."""

_REST, _UNSEEN = 36, 70.0
"""Sweeps after the last run's end in which everything has to come to rest: within 32 each run is
looked at, whatever is wrong with it; and seconds more for what is believed to be gone."""

_BEGINNINGS = (CommandKind.START, CommandKind.RERUN)
_MANY = 24
"""Runs of a world that is about its backlog: minutes of work for one slot."""

_TIGHTENED, _MEDDLED, _FORGED = 0.5, 0.3, 0.3
"""Share of worlds: definitions become stricter, strangers write events, workers forge them."""

_SHRINKS = 0.75
"""Share of worlds in which one coordinator alone waits for the end: a whole fleet costs more."""


class World:
    """Everything follows from the seed."""

    def __init__(
        self, seed: int, metrics: Metrics, *, keep_trace: bool = False, focus: Focus = ANYTHING
    ) -> None:
        """Draw the world; `run` lets it live."""
        self.seed = seed
        self._focus = focus = focus_of(seed, focus)
        self.violations: list[str] = []
        self._random = random = Random(seed)
        self._virtual = VirtualLoop()
        factory: Any = process_tasks
        self._virtual.set_task_factory(factory)
        self._virtual.set_exception_handler(self._on_exception)
        self._clock = SimClock(self._virtual)
        self._trace = Trace(self._virtual, keep=keep_trace)
        sizes = Random(f"sizes of {seed}")  # of its own, so that the rest does not depend on it
        self._settings = any_settings(random, sizes, cramped=focus.cramped)
        backend = memory_backend(
            settings=self._settings, clock=self._clock, partitions=random.choice((1, 2, 3))
        )
        self._power = Power(seed, focus, backend)
        self._backend = self._power.backend
        rates = self._power.rates(any_rates(random, focus))
        self._faults = Faults(random, rates, sizes.choice((None, None, None, 900)))
        rules = Random(f"rules of {seed}")
        self._workflows = [
            with_rules(any_workflow(random, f"flow{n}", focus), rules)
            for n in range(random.randint(1, 4))
        ]
        own = Random(f"constructs of {seed}")
        if focus.constructs:
            ours = [with_constructs(one, own, signals=focus.signals) for one in self._workflows]
            self._workflows = with_calls(ours)
        limiting = Limiting(seed, self._backend.commands, focus)
        self._workflows = _limited(
            limiting.applied(with_labels(self._workflows, Random(f"labels of {seed}"))), seed, focus
        )
        self._stricter = [stricter(workflow) for workflow in self._workflows]
        self._tightened = focus.tightened or random.random() < _TIGHTENED
        known = map(plan_of, with_groups([*self._workflows, *self._stricter]))
        plans = {plan.hash: plan for plan in known}
        rebuilds = Rebuilds(self._waits, self.fail, limited=focus.backlog)
        quiet = Quiet(self._virtual, quiet=focus.quiet)
        self._watch = Watch(plans, Pending(self._backend), rebuilds, quiet, self.fail)
        self._people = People(
            random,
            commands := self._backend.commands,
            names := [workflow.name for workflow in self._workflows],
            self._watch,
            payloads=PayloadStore(self._backend.payloads, self._settings),
            uploads=Random(f"uploads of {seed}"),
            later=Random(f"later starts of {seed}") if focus.constructs else None,
            operators=(
                Pausing(Random(f"pauses of {seed}"), commands, often=focus.paused),
                Holding(seed, self._backend, names, focus),
                Scheduling(Random(f"schedules of {seed}"), commands, names, focus),
                limiting,
            ),
            regretful=focus.regretful,
        )
        self._outsiders = Outsiders(own, self._backend.commands, self._watch)
        scene = Scene(
            random,
            self._virtual,
            self._backend,
            self._settings,
            metrics,
            self._faults,
            self._watch,
            Archive(self._virtual),
            self._trace,
            copy_context(),
            Random(f"handlers of {seed}"),
        )
        waits, outputs = Random(f"waits of {seed}"), output_sizes(self._settings)
        behaviour = Behaviour(random, self._watch, self._faults, outputs, waits, focus)
        self._fleet = Fleet(scene, behaviour, one_slot=focus.backlog)
        self._failed = asyncio.Event()

    def fail(self, violation: str) -> None:
        """An invariant does not hold: the world ends."""
        self._trace.note("WATCH", f"VIOLATION {violation}")
        self.violations.append(violation)
        self._failed.set()

    def run(self) -> Outcome:
        """Live, to the end."""
        with watched_logs(self._trace, self._on_defect):
            try:
                self._virtual.run_until_complete(self._live())
            except Standstill as end:
                self.fail(str(end))
            finally:
                self._close()
        return Outcome(
            self.seed,
            len(self._watch.runs),
            tuple(self.violations),
            self._virtual.moment,
            self._virtual.turns,
            self._faults.counts,
            self._watch.counts,
            self._watch.constructs,
            self._trace.digest() if self._trace.keep else "",
            tuple(self._trace.lines),
        )

    def _waits(self, run: str) -> bool:
        """Whether a run is moved on by a step message, and by nothing else."""
        truth, pending = self._watch.runs.get(run), self._watch.pending
        going = truth is not None and not truth.over and truth.record.stop is None
        return going and pending.messages(run) > 0 and not pending.events(run)

    async def _live(self) -> None:
        story = self._virtual.create_task(self._story())
        failed = self._virtual.create_task(self._failed.wait())
        await asyncio.wait([story, failed], return_when=asyncio.FIRST_COMPLETED)
        if story.done():
            story.result()

    async def _story(self) -> None:
        await DefinitionStore(self._backend.definitions).register_all(self._workflows)
        self._fleet.start()
        self._virtual.create_task(
            self._power.fail(self._fleet.processes, self._faults, self._watch, self._trace)
        )
        operator = self._virtual.create_task(self._people.operate())
        outsiders = self._virtual.create_task(self._outsiders.watch())
        if not self._focus.constructs:
            outsiders.cancel()
        random = Random(f"strangers of {self.seed}")
        if random.random() < _MEDDLED:
            self._virtual.create_task(meddle(random, self._backend, self._clock, self._watch))
        forgers = Random(f"forgers of {self.seed}")
        if self._focus.forged or forgers.random() < _FORGED:
            self._virtual.create_task(forge(forgers, self._backend, self._clock, self._watch))
        starts = [
            self._virtual.create_task(self._people.start(number))
            for number in range(_MANY if self._focus.backlog else self._random.randint(3, 14))
        ]
        if self._tightened:
            starts.append(self._virtual.create_task(self._tighten()))
        await asyncio.sleep(LAST_START + self._random.random() * 30)
        self._faults.on = False
        self._trace.note("WORLD", "calm")
        await asyncio.wait(starts)
        if not await self._wait(REST_LIMIT, self._unfinished):
            return
        operator.cancel()
        await self._people.leave()
        outsiders.cancel()
        rest = _REST * self._settings.sweep + self._power.longer
        if not await self._wait(rest + _UNSEEN, lambda: unrest(self._backend, self._watch)):
            return
        if self._random.random() < _SHRINKS:
            self._fleet.shrink()
        await asyncio.sleep(RETENTION)
        await self._wait(rest + _UNSEEN, lambda: left_over(self._backend, self._watch))

    async def _tighten(self) -> None:
        """Stricter definitions take the place of those that runs were started by."""
        await asyncio.sleep(self._random.random() * LAST_START)
        for workflow in self._stricter:
            self._watch.starts.strict.add(workflow.name)
            await DefinitionStore(self._backend.definitions).register(workflow)
        self._trace.note("WORLD", "definitions are stricter")

    async def _wait(self, limit: float, problems: Any) -> bool:
        """Whether nothing is wrong any more before the limit is reached."""
        end = self._virtual.moment + limit
        while True:
            found = await problems()
            if not found:
                return True
            if self._virtual.moment > end:
                self.fail(f"after {limit:g} s: {found}")
                return False
            await asyncio.sleep(1.0)

    async def _unfinished(self) -> list[str]:
        runs = self._watch.runs
        known = {*runs, *self._watch.starts.refused}
        lost = [f"{run}: never began" for run in self._people.acknowledged - known]
        open_runs = [f"{t.run}: {t.record.status}" for t in runs.values() if not t.over]
        # An id of which an earlier start was refused is known, and may begin all the same.
        commands = self._backend.commands
        waiting = [await commands.waiting(kind=kind) for kind in _BEGINNINGS]
        starts = [f"a start of {one.about} waits" for one in waiting if one is not None]
        lost += self._watch.starts.debounces.lost()
        return sorted(lost) + open_runs + starts + self._people.unscheduled()

    def _on_exception(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        process = current_process()
        if process is None or process.alive:
            self.fail(f"defect: {context.get('message')}: {context.get('exception')!r}")

    def _on_defect(self, text: str) -> None:
        process = current_process()
        if process is None or process.alive:
            self.fail(f"defect: {text}")

    def _close(self) -> None:
        self._virtual.set_exception_handler(lambda *_: None)
        for process in self._fleet.processes:
            process.die()
        tasks = asyncio.all_tasks(self._virtual)
        for task in tasks:
            task.cancel()
        self._virtual.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._virtual.close()


def _limited(workflows: list[Workflow], seed: int, focus: Focus) -> list[Workflow]:
    """The same, with what is said of how many of their runs begin, if anything is."""
    for drawn in (RunLimiting(seed, focus), RunPacing(seed, focus), Debouncing(seed, focus)):
        workflows = drawn.applied(workflows)
    return workflows

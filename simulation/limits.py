"""Limits: which steps fall under some, who changes them, and what must hold.

An attempt may run only while the records of all its limits name it; a record names one more only
as long as there is room; and it stops naming one only if that is over, or never began. What rates
let in is watched in `rates`, and whose turn it is in `turns`.
"""

from __future__ import annotations

__all__ = ["Limiting", "Limits"]

from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import decode_limit, encode
from flowworker.codec.limits import decode_waiting
from flowworker.core.limit import THROTTLE, Concurrency, named_limit, own_limit
from flowworker.core.status import Kind, Outcome
from flowworker.definitions.run_limits import stated
from flowworker.simulate.clock import EPOCH
from simulation.expecting import expect
from simulation.keys import KEYED, key_of
from simulation.rates import Passed, Rating
from simulation.run_limits import RunBook
from simulation.sayings import has_unknown
from simulation.turns import Sharing, check_turns, gates_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowworker.codec.limits import Waiting
    from flowworker.codec.messages import StepMessage
    from flowworker.core.graph import Plan
    from flowworker.core.limit import LimitRecord
    from flowworker.core.model import Step, Workflow
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.ports import CommandQueue
    from simulation.focus import Focus
    from simulation.quiet import Quiet
    from simulation.truth import Truth

_WORLDS, _STEPS = 0.15, 0.6
"""Share of worlds in which steps have limits, and of the steps there."""

_NAMES = ("l0", "l1")
_OF_RUNS = ("limit.run.", "waiting.run.")

_SET, _CHANGED = 0.5, 0.05
"""How likely, per second, a limit is set that is not, and one is changed that is."""

_LONGEST, _AT_ONCE, _BY_RATE = 120.0, 8.0, 2.9
"""Seconds for which a place may stay free while somebody waits: somewhere in the world, where
nothing goes wrong, and where a rate lets in the next one: before a sweep helps."""


def _with_limits(workflow: Workflow, random: Random, rating: Rating, sharing: Sharing) -> Workflow:
    """The same, but that many of its steps fall under limits."""

    def limited(step: Step) -> Step:
        found = _limited(step, random)
        if not step.uses:
            return found
        return replace(found, throttle=rating.throttle(KEYED), fairness=sharing.fairness())

    steps, closing = (tuple(map(limited, some)) for some in (workflow.steps, workflow.finally_))
    return replace(workflow, steps=steps, finally_=closing)


def _limited(step: Step, random: Random) -> Step:
    if not step.uses or random.random() > _STEPS:
        return step
    names = random.choice(((), ("l0",), ("l0",), ("l1",), ("l1", "l0")))
    own = Concurrency(random.choice((1, 1, 2)), random.choice(list(KEYED)))
    return replace(step, limits=names, concurrency=(own,) if random.random() < 0.5 else ())  # noqa: PLR2004


def _limits_runs(plan: Plan) -> bool:
    return any(stated(plan.workflow))


class Limiting:
    """Operators who set limits, change them, and take them away for a while."""

    def __init__(self, seed: int, commands: CommandQueue, focus: Focus) -> None:
        """Draw whether there are limits at all, unless there always are."""
        random = Random(f"limits of {seed}")
        usual = not focus.backlog and random.random() < _WORLDS
        self.wanted = focus.limited or usual
        self._random = random
        self._commands = commands
        self._rating = Rating(seed, _NAMES)
        self._sharing = Sharing(seed, KEYED)

    def applied(self, workflows: list[Workflow]) -> list[Workflow]:
        """The same, with limits if there are to be any."""
        if not self.wanted:
            return workflows
        drawn = self._random, self._rating, self._sharing
        return [_with_limits(one, *drawn) for one in workflows]

    async def look(self, limits: Limits) -> None:
        """Set one, perhaps, or change one."""
        random = self._random
        for name in _NAMES if self.wanted else ():
            record = limits.records.get(named_limit(name))
            unset = record is None or not record.is_set
            if random.random() >= (_SET if unset else _CHANGED):
                continue
            if not unset and random.random() < 0.2:  # noqa: PLR2004
                await self._commands.send(f"control.limit.delete.{name}", b"", {})
                continue
            body = encode(self._rating.command(name, random.choice((1, 1, 2, 3))))
            for _ in range(random.choice((1, 1, 2))):
                await self._commands.send(f"control.limit.set.{name}", body, {})


class Limits:
    """What is durable of them.

    Attributes:
        wanted: there may be some.
        records: by the ids of limits.
        waiting: attempts that wait, by their keys.
    """

    def __init__(self, quiet: Quiet, plans: Collection[Plan]) -> None:
        """There is none yet; if none is wanted there will be none."""
        self.wanted = any(plan.limited or _limits_runs(plan) for plan in plans)
        self._quiet = quiet
        self._of_runs = RunBook(quiet=quiet.is_quiet)
        self._passed = Passed(quiet=quiet.is_quiet)
        self._placeless: set[str] = set()
        self.records: dict[str, LimitRecord] = {}
        self.waiting: dict[str, Waiting] = {}
        self._free: dict[tuple[str, int], float] = {}

    def written(self, key: str, value: bytes, runs: Mapping[str, Truth]) -> None:
        """A record was written, or an attempt has to wait, or a run."""
        if key.startswith(_OF_RUNS):
            moment, is_quiet = self._quiet.moment, self._quiet.is_quiet
            self._of_runs.written(key, value, runs, moment, quiet=is_quiet)
            return
        if key.startswith("waiting."):
            entry = decode_waiting(value)
            self.waiting[key] = entry
            if entry.attempt.kind is not Kind.COMPENSATE:
                runs[entry.run].enqueued.add(entry.step)
            return
        record = decode_limit(key, value)
        before = self.records.get(record.id)
        self.records[record.id] = record
        self._passed.written(before, record, self._quiet.moment)
        check_turns(before, record)
        if record.places is None:
            self._placeless.add(record.id)
        known = () if before is None else before.holders
        former = {(one.run, one.step, one.attempt) for one in known}
        now = {(one.run, one.step, one.attempt) for one in record.holders}
        expect(len(now) == len(record.holders), "an attempt holds a limit twice", key)
        fits = now <= former or len(now) <= record.concurrency
        expect(fits, "more than a limit allows are let in", f"{key}: {record}")
        for run, step, attempt in former - now:
            found = runs[run].steps.get(step)
            running = found is not None and found[0].outcome is Outcome.RUNNING
            lost = running and found is not None and found[0].attempt == attempt
            expect(not lost, "a limit is taken from an attempt that runs", f"{key}: {run} {step}")

    def removed(self, pattern: str) -> None:
        """A limit is of no use. Or an attempt waits no more, or all of a run, or a run."""
        if pattern.startswith(_OF_RUNS):
            self._of_runs.removed(pattern)
            return
        if pattern.startswith("limit."):
            gone = self.records.pop(pattern.removeprefix("limit."), None)
            expect(gone is None or not gone.holders, "a limit is removed that is held", pattern)
            if gone is not None:
                self._passed.removed(gone)
            return
        run = pattern.split(".", 5)[4]
        for key, entry in list(self.waiting.items()):
            if key == pattern or (pattern.endswith(".>") and entry.run == run):
                del self.waiting[key]

    def waits(self, run: str) -> bool:
        """Whether a run, or an attempt of it, waits for a limit."""
        lists = self.waiting, self._of_runs.waiting
        return any(entry.run == run for some in lists for entry in some.values())

    def run_written(self, plan: Plan, truth: Truth | None, record: RunRecord) -> None:
        """A run's record was written; `truth` is from before."""
        before = None if truth is None or truth.gone else truth.record
        moment, limited = self._quiet.moment, _limits_runs(plan)
        self._of_runs.run_written(before, record, moment, limited=limited)

    def claimed(self, truth: Truth, record: StepRecord) -> None:
        """A step's record was written: who runs has a place under each of its limits."""
        step = truth.plan.step(record.step)
        if record.outcome is not Outcome.RUNNING:
            return
        where = f"{record.run} {record.step} {record.attempt}"
        for limit in self._held_by(truth, step):
            if limit in self._placeless:  # whom its rate let in is not named
                continue
            known = self.records.get(limit)
            holders = () if known is None else known.holders
            attempts = [
                one.attempt for one in holders if (one.run, one.step) == (record.run, record.step)
            ]
            expect(attempts == [record.attempt], "an attempt runs without a place", where)

    def enqueued(self, truth: Truth, message: StepMessage) -> None:
        """A step message was stored, unless it was known."""
        step = truth.plan.step(message.step)
        limits = [named_limit(name) for name in step.limits]
        if step.throttle is not None:
            limits += self._own(truth, step, THROTTLE, step.throttle.key)
        for limit in limits:
            self._passed.stored(limit, self.records.get(limit), message)

    def _held_by(self, truth: Truth, step: Step) -> list[str]:
        found = [named_limit(name) for name in step.limits]
        for number, own in enumerate(step.concurrency):
            found += self._own(truth, step, number, own.key)
        return found + gates_of(truth, step)

    def _own(self, truth: Truth, step: Step, part: int | str, key: str) -> list[str]:
        """The id of a limit of a step's own, if it can be known."""
        if key and has_unknown(truth.given):
            return []
        value = key_of(key, truth.given)
        return [own_limit(truth.record.workflow, step.id, part, value)]

    def _is_leaked(self, record: LimitRecord, runs: Mapping[str, Truth]) -> bool:
        """Whether it is held by an attempt that is over."""
        return any(runs[one.run].is_past(one.step, one.attempt) for one in record.holders)

    def check_free(self, now: float, runs: Mapping[str, Truth], *, quiet: bool) -> None:
        """No place stays free while somebody waits for it whose time has come."""
        self._of_runs.check_free(now, runs, quiet=quiet)
        awaited = set()
        for key in self.waiting:
            _, kind, name, ticket, _ = key.split(".", 4)
            if int(ticket.partition("-")[0]) / 1000 <= EPOCH + now - _BY_RATE:
                awaited.add(f"{kind}.{name}")
        known = [self.records[one] for one in awaited if one in self.records]
        # Under a rate there is room each time that the next one may go: the same for how long?
        free = {
            (one.id, one.tat)
            for one in known
            if one.room(EPOCH + now) > 0 or (quiet and self._is_leaked(one, runs))
        }
        self._free = {one: self._free.get(one, now) for one in free}
        for one, since in self._free.items():
            usual = _BY_RATE if self.records[one[0]].rate else _AT_ONCE
            longest = usual if quiet else _LONGEST
            expect(now - since <= longest, "a place under a limit stays free", one)

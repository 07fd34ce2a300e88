"""What is recorded of one run at one moment: what views of it and of its steps are made of."""

from __future__ import annotations

__all__ = ["PARALLEL", "Look", "Looking", "Steps", "no_such_run"]

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flowworker.client.hiding import Hiding, RunHider
from flowworker.codec.json import decode_step
from flowworker.codec.keys import step_key, steps_pattern
from flowworker.core.ids import defined_id, index_of
from flowworker.core.rebuild import view
from flowworker.core.records import StepRecord
from flowworker.core.status import TERMINAL
from flowworker.errors import (
    CorruptRecord,
    DefinitionError,
    InvalidInput,
    RunNotFound,
    WorkflowNotFound,
)
from flowworker.stores.runs import keys_of_steps
from flowworker.stores.together import read_together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.clock import Clock
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.stores.stores import Stores

PARALLEL = 32
"""Records that are read at a time."""

LARGE = 500
"""Steps of a run, above which they are read together, as any replica has them: to ask the leader
for each takes seconds."""

_BEFORE = 500
"""Steps that stand before one, above which all of a large run is read to look at that one."""

_NAMED = 20
"""Steps that an error names."""

Steps = dict[str, tuple[StepRecord, int]]
"""Record and revision by step."""


@dataclass(frozen=True, slots=True)
class Look:
    """A run as it is recorded.

    Attributes:
        steps: their records; if it is of a part of the run, those of that.
        known: the definition that the run is pinned to, and what the records mean by it; None if it
            cannot be read.
        problems: what could not be read, one line each.
        unread: of these, why the record of a step cannot be, by step.
        hider: hides its secrets, unless it `reveals` them.
    """

    record: RunRecord
    steps: Steps
    known: tuple[Plan, RunState] | None
    problems: tuple[str, ...]
    unread: dict[str, str]
    hider: RunHider
    reveals: bool = False
    is_part: bool = False

    def of_step(self, step: str) -> tuple[Plan, RunState]:
        """What is known of a run that has this step.

        Raises:
            InvalidInput: the run has no such step, or its definition cannot be read.
        """
        if self.known is None:
            raise InvalidInput(f"run {self.record.run}: {self.problems[0]}")
        plan, state = self.known
        if step not in state.steps:
            more = ", …" if len(plan.order) > _NAMED else ""
            raise InvalidInput(
                f"run {self.record.run} has no step {step!r:.200}; its steps are "
                f"{', '.join(plan.order[:_NAMED])}{more}"
            )
        return plan, state


class Looking:
    """Reads what is recorded of runs. What cannot be read does not hide the rest."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._records = stores.backend.runs
        self._runs = stores.runs
        self._definitions = stores.definitions
        self._clock = clock
        self._hiding = Hiding(stores)

    async def at(self, run: str, step: str = "", *, reveal: bool = False) -> Look:
        """The run as it is now, or RunNotFound. With `reveal` its secrets are seen.

        Of a large one for which a `step` is said, the part of it that says all of that step.
        """
        found = await self._runs.load(run)
        if found is None:
            raise no_such_run(run)
        record, revision = found
        problems: list[str] = []
        plan = None
        try:
            plan = await self._definitions.by_hash(record.definition)
        except (WorkflowNotFound, DefinitionError) as error:
            problems.append(f"the definition cannot be read: {error}")
        unread: dict[str, str] = {}
        part = None if plan is None else await self._part(record, plan, step, unread)
        steps = await self._steps(run, plan, unread) if part is None else part
        problems += unread.values()
        known = None
        if plan is not None:
            known = plan, view(plan, record, revision, steps, self._clock.now())
        hider = RunHider() if reveal else await self._hiding.of(record, plan)
        is_part = part is not None
        return Look(record, steps, known, tuple(problems), unread, hider, reveal, is_part)

    async def _part(
        self, record: RunRecord, plan: Plan, step: str, unread: dict[str, str]
    ) -> Steps | None:
        """A step's own record, and those of all that stand before it; None if that is not enough.

        What has a record is as that says, and as what it depends on was. How a loop as a whole
        stands, or what has not begun while the run stops, or when a place in a loop comes free, all
        others say as well.
        """
        is_instance = plan.knows(step) and index_of(step) is not None
        if not is_instance and (step not in plan.steps or len(plan.order) <= LARGE):
            return None
        if step in plan.loops or plan.closes(step) or plan.before(step).bit_count() > _BEFORE:
            return None
        names = [*plan.ancestors(step), *([defined_id(step)] if is_instance else ()), step]
        keys = [step_key(plan.step(name).keeper, record.run, name) for name in names]
        steps = _decoded(await self._each(keys), unread)
        stops = record.stop is not None or record.status in TERMINAL
        return None if step not in steps and (is_instance or stops) else steps

    async def _steps(self, run: str, plan: Plan | None, unread: dict[str, str]) -> Steps:
        keys = keys_of_steps(await self._records.keys(steps_pattern(run)), run, plan)
        read = self._each if len(keys) <= LARGE else partial(read_together, self._records)
        return _decoded(await read(keys), unread)

    async def _each(self, keys: Sequence[str]) -> dict[str, tuple[bytes, int]]:
        """As the leader has them."""
        gate = asyncio.Semaphore(PARALLEL)

        async def read(key: str) -> tuple[bytes, int] | None:
            async with gate:
                return await self._records.read(key)

        found = await asyncio.gather(*map(read, keys))
        return {key: one for key, one in zip(keys, found, strict=True) if one is not None}


def _decoded(found: Mapping[str, tuple[bytes, int]], unread: dict[str, str]) -> Steps:
    """By step; why some cannot be read is noted in `unread`."""
    steps: Steps = {}
    for key, (value, revision) in found.items():
        try:
            record = decode_step(key, value)
        except CorruptRecord as error:
            unread[key.split(".", 3)[3]] = str(error)
        else:
            steps[record.step] = record, revision
    return steps


def no_such_run(run: str) -> RunNotFound:
    """The error of everything that asks for a run."""
    return RunNotFound(
        f"no run {run} exists: it was never started, is no longer retained, or its start waits "
        "behind many others"
    )

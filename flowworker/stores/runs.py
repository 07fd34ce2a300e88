"""Run and step records, and the index that finds runs by status."""

from __future__ import annotations

__all__ = ["RunStore", "keys_of_steps"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_run, decode_step, encode
from flowworker.codec.keys import (
    index_entries,
    index_key,
    index_pattern,
    run_key,
    run_patterns,
    step_key,
    steps_pattern,
)
from flowworker.core.ids import index_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.core.status import RunStatus
    from flowworker.ports import Records


def keys_of_steps(found: Iterable[str], run: str, plan: Plan | None) -> list[str]:
    """Keys of step records, in order; with a plan, those that stand under the queue of their step.

    A worker of another queue may write under its own, and nothing there is true of this step.
    """
    if plan is None:
        return sorted(found)
    keys = set(found)
    known = keys & {step_key(step.keeper, run, step.id) for step in plan.steps.values()}
    if len(known) < len(keys) and plan.loops:
        known |= {key for key in keys - known if _is_instance(key, run, plan)}
    return sorted(known)


def _is_instance(key: str, run: str, plan: Plan) -> bool:
    step = key.split(".", 3)[3]
    return plan.knows(step) and key == step_key(plan.step(step).keeper, run, step)


class RunStore:
    """Records of runs and steps. A write raises Conflict if another process wrote first."""

    def __init__(self, records: Records) -> None:
        """Keep everything in `records`."""
        self._records = records

    async def load(self, run: str) -> tuple[RunRecord, int] | None:
        """A run's record and its revision, or None."""
        key = run_key(run)
        found = await self._records.read(key)
        return None if found is None else (decode_run(key, found[0]), found[1])

    async def is_known(self, run: str) -> bool:
        """Whether the run has a record, without reading it."""
        return bool(await self._records.keys(run_key(run)))

    async def save(self, record: RunRecord, revision: int) -> int:
        """Write a run's record over `revision` (0: create)."""
        return await self._records.write(run_key(record.run), encode(record), revision)

    async def load_step(self, queue: str, run: str, step: str) -> tuple[StepRecord, int] | None:
        """A step's record and its revision, or None."""
        return await self._load_step(step_key(queue, run, step))

    async def _load_step(self, key: str) -> tuple[StepRecord, int] | None:
        found = await self._records.read(key)
        return None if found is None else (decode_step(key, found[0]), found[1])

    async def save_step(self, queue: str, record: StepRecord, revision: int) -> int:
        """Write a step's record over `revision` (0: create)."""
        key = step_key(queue, record.run, record.step)
        return await self._records.write(key, encode(record), revision)

    async def load_steps(
        self, run: str, plan: Plan | None = None
    ) -> dict[str, tuple[StepRecord, int]]:
        """All step records of a run with their revisions, by step id.

        With a plan, those alone that `keys_of_steps` leaves. Instances are read before their loop:
        why one was stopped stands in the loop's record.
        """
        keys = keys_of_steps(await self._records.keys(steps_pattern(run)), run, plan)
        instances = [key for key in keys if index_of(key) is not None]
        found = await asyncio.gather(*map(self._load_step, instances))
        others = [key for key in keys if index_of(key) is None] if instances else keys
        found += await asyncio.gather(*map(self._load_step, others))
        return {entry[0].step: entry for entry in found if entry is not None}

    async def find_step(self, run: str, step: str) -> tuple[str, StepRecord, int] | None:
        """Queue, record and revision of a step whose queue is not known, or None."""
        for key in await self._records.keys(step_key("*", run, step)):
            if found := await self._load_step(key):
                return (key.split(".", 2)[1], *found)
        return None

    async def index(self, status: RunStatus, workflow: str, run: str) -> None:
        """List the run under that status."""
        await self._records.put(index_key(status, workflow, run), b"")

    async def unindex(self, status: RunStatus, workflow: str, run: str) -> None:
        """List the run under that status no longer."""
        await self._records.purge(index_key(status, workflow, run))

    async def relist(self, record: RunRecord) -> None:
        """List a run under its status alone, if it is listed under another one as well.

        If another process changes its status meanwhile, it is listed under the new one, too.
        """
        right = index_key(record.status, record.workflow, record.run)
        found = await self._records.keys(index_entries(record.workflow, record.run))
        wrong = [key for key in found if key != right]
        if not wrong:
            return
        await self._records.put(right, b"")
        for key in wrong:
            await self._records.purge(key)
        now = await self.load(record.run)
        if now is not None and now[0].status is not record.status:
            await self.index(now[0].status, now[0].workflow, record.run)

    async def list(self, status: RunStatus, workflow: str | None = None) -> list[tuple[str, str]]:
        """Workflow and run of all that are listed under that status."""
        prefix = f"index.{status}."
        keys = await self._records.keys(index_pattern(status, workflow))
        entries = (key.removeprefix(prefix).rpartition(".") for key in keys)
        return [(workflow_name, run) for workflow_name, _, run in entries]

    async def purge(self, record: RunRecord) -> None:
        """Remove all records of a run, its own last."""
        for pattern in run_patterns(record.workflow, record.run):
            await self._records.purge(pattern)

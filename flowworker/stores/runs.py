"""Run and step records, and the index that finds runs by status."""

from __future__ import annotations

__all__ = ["RunStore", "keys_of_steps"]

import asyncio
from operator import attrgetter
from typing import TYPE_CHECKING

from flowworker.codec.index import (
    any_time,
    entries_of,
    entry_at,
    entry_of,
    former_patterns,
    status_pattern,
)
from flowworker.codec.json import decode_run, decode_step, encode
from flowworker.codec.keys import run_key, run_patterns, step_key, steps_pattern
from flowworker.core.ids import index_of
from flowworker.core.status import RunStatus
from flowworker.errors import CorruptRecord
from flowworker.stores.together import read_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowworker.codec.index import Entry
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord, StepRecord
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


def _decoded(key: str, value: bytes) -> RunRecord | CorruptRecord:
    try:
        return decode_run(key, value)
    except CorruptRecord as error:
        return error


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

    async def load_some(self, runs: Sequence[str]) -> dict[str, RunRecord | CorruptRecord]:
        """The records of these runs, for people: as any replica has them (`Records.few`).

        What cannot be read is returned as the error that it is; what is not there is left out.
        """
        keys = {run_key(run): run for run in runs}
        found = await read_together(self._records, list(keys))
        return {keys[key]: _decoded(key, value) for key, (value, _) in found.items()}

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

    async def index(self, entry: Entry) -> None:
        """List a run as that says."""
        await self._records.put(entry.key, b"")

    async def unindex(self, entry: Entry) -> None:
        """List a run so no longer."""
        await self._records.purge(entry.key)

    async def unindex_pending(self, record: RunRecord) -> None:
        """List a run as pending no longer, whenever it was created as such.

        It takes a while beside many that are pending.
        """
        await self._records.purge(any_time(RunStatus.PENDING, record.workflow, record.run))

    async def move(self, before: RunRecord | None, after: RunRecord) -> None:
        """List a run as it is now, and no longer as it was before."""
        entry = entry_of(after)
        await self.index(entry)
        former = None if before is None else entry_of(before)
        if former is not None and former != entry:
            await self.unindex(former)

    async def relist(self, record: RunRecord) -> None:
        """List a run under its status alone, wherever it is listed; if it is nowhere, as well.

        But for one that is not prepared, or refused: that is listed nowhere. If another process
        changes it meanwhile, it is listed as it is then, and nowhere once it is gone.
        """
        right = entry_of(record)
        found = await self._records.keys(entries_of(record))
        if found == [right.key] or not (found or record.is_prepared):
            return
        await self.index(right)
        for key in found:
            if key != right.key:
                await self._records.purge(key)
        await self._correct(record)

    async def list_early(self, record: RunRecord) -> None:
        """List a run that has not begun; if it has, or was stopped meanwhile, as it is then.

        Not at all if it was refused, or is gone. An answer that is too old to
        show it comes from where nothing can be written, so then the entry stays as well.
        """
        await self.index(entry_of(record))
        await self._correct(record)

    async def _correct(self, record: RunRecord) -> None:
        """A run was listed as that record says; it is right if it was that one until now.

        What is right comes first: who is cut short leaves no run that is listed nowhere.
        """
        found = await self.load(record.run)
        now = None if found is None or found[0].refused else found[0]
        if now is not None and entry_of(now) == entry_of(record):
            return
        if now is not None:
            await self.relist(now)
        if now is None or entries_of(now) != entries_of(record):  # else that has removed it
            await self.unindex(entry_of(record))

    async def listed(self, status: RunStatus, workflow: str | None = None) -> list[Entry]:
        """All that are listed under that status, in no order."""
        keys = await self._records.keys(status_pattern(status, workflow))
        return [entry for key in keys if (entry := entry_at(key)) is not None]

    async def former(self) -> list[Entry]:
        """Entries of the former form, under any status, but for those as long as today's are."""
        found = [await self._records.keys(pattern) for pattern in former_patterns()]
        entries = [entry_at(key) for keys in found for key in keys]
        return [entry for entry in entries if entry is not None and not entry.moment]

    async def list(self, status: RunStatus, workflow: str | None = None) -> list[tuple[str, str]]:
        """Workflow and run of all that are listed under that status, the oldest first."""
        found = sorted(await self.listed(status, workflow), key=attrgetter("place"))
        return [(entry.workflow, entry.run) for entry in found]

    async def remove(self, run: str, revision: int) -> None:
        """Remove the record of a run that has nothing else yet, unless it has changed since."""
        await self._records.purge(run_key(run), revision)

    async def purge(self, record: RunRecord) -> None:
        """Remove all records of a run, its own last."""
        for pattern in run_patterns(record):
            await self._records.purge(pattern)

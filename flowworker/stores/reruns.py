"""Reruns: an ended run as its records show it, and what of it is copied into a new run.

The new run's record is there first, PENDING, with the definition that it is pinned to: it has the
id, and nobody drives it. Then come the records of the steps that are kept, each created once, with
copies of their outputs, which belong to the new run and are removed with it. Then the run's record
says RUNNING. All of this may be repeated at any point, and done twice at the same time: what is
kept follows from records that do not change any more.
"""

from __future__ import annotations

__all__ = ["Past", "load_past", "prepare"]

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.admission import asking
from flowworker.core.ids import COORDINATOR, sequence_of
from flowworker.core.payload import Stored
from flowworker.core.rebuild import view
from flowworker.core.records import Rerun, Stop, StopReason, shortened
from flowworker.core.rerun import kept_instances, kept_record, plan_rerun
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import Conflict, CorruptRecord, InvalidInput
from flowworker.stores.sealing import items_place, output_place, output_places

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.core.state import RunState
    from flowworker.stores.stores import Stores

_AT_A_TIME = 16
"""Steps that are copied at a time."""


@dataclass(frozen=True, slots=True)
class Past:
    """A run that has ended."""

    record: RunRecord
    revision: int
    plan: Plan
    state: RunState
    steps: dict[str, tuple[StepRecord, int]]


async def load_past(stores: Stores, run: str, now: float) -> Past | None:
    """A run that has ended; None if there is none.

    Raises:
        InvalidInput: it has not ended, or is not one that was started.
        DefinitionError, WorkflowNotFound: its definition cannot be read.
    """
    found = await stores.runs.load(run)
    if found is None:
        return None
    record, revision = found
    if record.status not in TERMINAL:
        rest = "wait for its end, or cancel it"
        raise InvalidInput(f"run {run} has not ended: it is {record.status}; {rest}")
    if not record.definition:
        raise InvalidInput(f"run {run} has no definition: it is a checkpoint, and never ran")
    plan = await stores.definitions.by_hash(record.definition)
    steps = await stores.runs.load_steps(run, plan)
    return Past(record, revision, plan, view(plan, record, revision, steps, now), steps)


async def prepare(
    stores: Stores, past: Past | None, record: RunRecord, revision: int, now: float
) -> RunRecord:
    """Copy what a rerun keeps, and begin it; its record, RUNNING, or asking. Idempotent.

    If the other run is gone, or what it put out, the rerun is FAILED: it cannot be what was asked.

    Raises:
        Conflict: another process has done so meanwhile.
    """
    plan = await stores.definitions.by_hash(record.definition)
    try:
        await _keep(stores, past, plan, record)
    except (CorruptRecord, InvalidInput) as error:
        reason = shortened(f"run {record.rerun_of} is not there as it was: {error}")
        record = replace(
            record,
            status=RunStatus.FAILED,
            error=reason,
            stop=Stop(StopReason.FAILED, reason),
            finished_at=now,
        )
    else:
        record = _prepared(record, now)
    await stores.runs.save(record, revision)
    return record


def _prepared(record: RunRecord, now: float) -> RunRecord:
    if record.admission is None:
        return replace(record, status=RunStatus.RUNNING)
    number = sequence_of(record.origin)
    return replace(record, admission=asking(record.admission, now, number))


async def _keep(stores: Stores, past: Past | None, plan: Plan, record: RunRecord) -> None:
    if past is None:
        raise InvalidInput("it was removed")
    chosen = plan_rerun(past.plan, past.state, plan, record.rerun or Rerun())
    if chosen.problems:
        raise InvalidInput(chosen.problems[0])
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def keep(step: str) -> None:
        if step not in past.steps:  # a rule skipped it, and will again
            return
        found, _ = past.steps[step]
        kept = kept_record(record.run, past.record.run, past.state, step, found)
        async with gate:
            if kept.output is not None:
                output = await _copied(stores, kept.output, past.record.run, record.run, step)
                kept = replace(kept, output=output)
            whole = step in past.state.loops and kept_instances(past.plan, past.state, step)
            kept = await _with_items(stores, kept, past.record.run, keep=bool(whole))
            with suppress(Conflict):  # it is there
                await stores.runs.save_step(plan.step(step).keeper, kept, 0)

    wanted = [choice.step for choice in chosen.choices if choice.kept]
    wanted += [one for step in wanted for one in kept_instances(past.plan, past.state, step)]
    copies = (keep(step) for step in wanted)
    for result in await asyncio.gather(*copies, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result  # when none is being copied any more


async def _with_items(stores: Stores, kept: StepRecord, of: str, *, keep: bool) -> StepRecord:
    """A loop has its items where its instances are kept: what undoes them may name them."""
    if kept.items is None or not keep:
        return replace(kept, items=None, count=0)
    place = items_place(kept.step)
    data = await stores.payloads.load(kept.items, of, place)
    items = await stores.payloads.pack(kept.run, COORDINATOR, place, data, place=place)
    return replace(kept, items=items)


async def _copied(stores: Stores, output: Payload, of: str, run: str, step: str) -> Payload:
    """The same value as the other run's; sealed for its place in this one, if it is sealed."""
    if not (output.sealed or isinstance(output, Stored)):
        return output
    data = await stores.payloads.load(output, of, *output_places(step))
    return await stores.payloads.pack(
        run, COORDINATOR, f"kept.{step}", data, place=output_place(step)
    )

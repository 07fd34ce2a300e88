"""An execution that was interrupted, made ready to go on.

The engine goes on from what its own records say. Those of a `StateStore`'s user say less, or say
it elsewhere, and they are rewritten here: what is completed (or skipped) stands; what was noted as
anything else is as if it had never been attempted; a failed step that has no attempt left, and one
that has taken as many processes with it as the engine allows, gets a turn of its own: to resume is
to order that it be tried again.

Every change is a compare-and-set or a removal, and all of it may be repeated.
"""

from __future__ import annotations

__all__ = ["children_of", "make_ready"]

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import decode_value
from flowworker.codec.keys import step_key
from flowworker.compat.checkpoints import again, unattempted
from flowworker.core.admission import asking
from flowworker.core.claim import MAX_LOST
from flowworker.core.facts import failure_in
from flowworker.core.policy import Fail, follow_up
from flowworker.core.status import TERMINAL, Kind, Outcome, RunStatus
from flowworker.errors import RunNotFound
from flowworker.stores.sealing import INPUT, output_places

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.model import Step, Workflow
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.stores.stores import Stores


async def make_ready(stores: Stores, run: str, workflow: Workflow | None) -> bool:
    """Prepare an execution; False if it has ended, so that there is nothing to continue.

    Args:
        stores: where it is stored.
        run: its id.
        workflow: what to go on with; None for what it is pinned to.

    Raises:
        RunNotFound: nothing is stored under that id.
        CorruptRecord: its input, a state or an output cannot be read.
        WorkflowNotFound: its definition is not stored.
        Conflict: another process changes it.
    """
    found = await stores.runs.load(run)
    if found is None:
        raise RunNotFound(
            f"no execution {run!r} is stored, so nothing can be resumed; check its id"
        )
    record, revision = found
    if record.status in TERMINAL:
        return False
    digest = record.definition
    if workflow is not None:
        digest = await stores.definitions.register(workflow)
    plan = await stores.definitions.by_hash(digest)
    steps = await stores.runs.load_steps(run)
    await _check_payloads(stores, record, steps)
    for step in plan.order:
        await _settle(stores, plan, record, step)
    status = RunStatus.RUNNING if record.status is RunStatus.PENDING else record.status
    admission = record.admission
    is_out = admission is not None and not admission.admitted
    if admission is not None and is_out and not admission.ticket:
        admission = asking(admission, record.created_at)
    resumed = replace(
        record,
        workflow=plan.workflow.name,
        version=plan.workflow.version,
        definition=digest,
        status=record.status if is_out else status,  # it asks again, and is let in or waits
        begins_at=0.0,
        admission=admission,
    )
    await stores.runs.save(resumed, revision)
    await stores.runs.move(record, resumed)
    return True


async def children_of(stores: Stores, run: str) -> list[str]:
    """The runs that have not ended and are attempts of its steps, or of such runs' steps."""
    found: list[str] = []
    steps = await stores.runs.load_steps(run)
    for record, _ in steps.values():
        if record.child and record.outcome is Outcome.RUNNING:
            child = await stores.runs.load(record.child)
            if child is not None and child[0].status not in TERMINAL:
                found += [record.child, *await children_of(stores, record.child)]
    return found


async def _check_payloads(
    stores: Stores, record: RunRecord, steps: dict[str, tuple[StepRecord, int]]
) -> None:
    """Raise now what the step that needs a payload would raise later."""
    outputs = ((step, found.output) for step, (found, _) in steps.items())
    payloads: list[tuple[tuple[str, ...], Payload]] = [((INPUT,), record.input)]
    payloads += [(output_places(step), output) for step, output in outputs if output is not None]
    await asyncio.gather(
        *(_check_payload(stores, record.run, places, payload) for places, payload in payloads)
    )


async def _check_payload(
    stores: Stores, run: str, places: tuple[str, ...], payload: Payload
) -> None:
    decode_value(places[0], await stores.payloads.load(payload, run, *places))


async def _settle(stores: Stores, plan: Plan, run: RunRecord, step: str) -> None:
    """Rewrite one step's record, under the queue in which the engine looks for it."""
    found = await stores.runs.find_step(run.run, step)
    if found is None:
        return
    queue, record, revision = found
    home = plan.step(step).keeper
    if record.noted is not None and record.outcome is not Outcome.COMPLETED:
        # Not removed: a record older than its history says would be taken for a stale read.
        ready = replace(unattempted(run.run, step), turn=record.turn)
    elif queue == home and run.stop is None and _is_spent(plan.step(step), record):
        ready = again(record)
    elif queue != home:
        ready = replace(record, completed=record.completed or revision)
    else:
        return
    await stores.runs.save_step(home, ready, revision if queue == home else 0)
    if queue != home:
        await stores.backend.runs.purge(step_key(queue, run.run, step))


def _is_spent(step: Step, record: StepRecord) -> bool:
    """Whether nothing but the failure of the run would follow."""
    if record.outcome is Outcome.RUNNING:
        return record.lost + 1 >= MAX_LOST
    if (
        record.outcome is not Outcome.FAILED
        or record.kind is Kind.COMPENSATE
        or step.continue_on_error
    ):
        return False
    return isinstance(follow_up(step, failure_in(record, 0), ""), Fail)

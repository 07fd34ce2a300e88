"""Reruns as a client sees them: what one would do, and what it asks for."""

from __future__ import annotations

__all__ = ["RerunStep", "RerunView", "Reruns", "rerun_id"]

import uuid
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from flowworker.client.looking import no_such_run
from flowworker.codec.json import encode
from flowworker.codec.messages import RerunCommand
from flowworker.core.rerun import plan_rerun
from flowworker.core.status import TERMINAL
from flowworker.errors import InvalidInput
from flowworker.stores.reruns import load_past

if TYPE_CHECKING:
    from flowworker.client.lookup import Lookup
    from flowworker.clock import Clock
    from flowworker.core.records import Rerun, RunRecord
    from flowworker.stores.stores import Stores


@dataclass(frozen=True, slots=True)
class RerunStep:
    """What becomes of one step: it is kept as it was, or runs; and why."""

    id: str
    kept: bool
    why: str


@dataclass(frozen=True, slots=True)
class RerunView:
    """What a rerun would do.

    Attributes:
        version: the author's label of the definition that it would be pinned to.
        steps: in topological order.
        problems: why it would be rejected, one line each.
    """

    rerun_of: str
    workflow: str
    version: str
    steps: tuple[RerunStep, ...]
    problems: tuple[str, ...] = ()


class Reruns:
    """Reads runs that have ended."""

    def __init__(self, stores: Stores, clock: Clock, lookup: Lookup) -> None:
        self._stores = stores
        self._clock = clock
        self._lookup = lookup

    async def ended(self, run: str) -> RunRecord:
        """The record of a run that has ended; raises RunNotFound or InvalidInput."""
        record = await self._lookup.find(run)
        if record.status not in TERMINAL:
            rest = "wait for its end, or cancel it"
            raise InvalidInput(f"run {run} has not ended: it is {record.status}; {rest}")
        return record

    async def is_there(self, run: str) -> bool:
        """Whether a run has a record."""
        return await self._stores.runs.load(run) is not None

    async def plan(self, run: str, wanted: Rerun) -> RerunView:
        """What a rerun would do, and what stands against it."""
        self.command(wanted)
        await self.ended(run)
        past = await load_past(self._stores, run, self._clock.now())
        if past is None:
            raise no_such_run(run)
        plan = past.plan
        if wanted.latest:
            plan = await self._stores.definitions.latest(past.record.workflow)
        planned = plan_rerun(past.plan, past.state, plan, wanted)
        steps = tuple(RerunStep(one.step, one.kept, one.why) for one in planned.choices)
        workflow = plan.workflow
        return RerunView(run, workflow.name, workflow.version, steps, planned.problems)

    def command(self, wanted: Rerun) -> RerunCommand:
        """What is sent for it."""
        if wanted.point and wanted.failed:
            raise InvalidInput("expected the step to begin from, or failed; found both")
        return RerunCommand(wanted.point, wanted.failed, "latest" if wanted.latest else "")


def rerun_id(run: str, wanted: Rerun, given: bytes) -> str:
    """The id of the first rerun of that kind and input of a run: a UUIDv8 (RFC 9562).

    Who begins it once more, or asks whether it was begun, computes the same.
    """
    digest = sha256(encode((run, wanted, given.decode()))).digest()
    value = int.from_bytes(digest[:16])
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))

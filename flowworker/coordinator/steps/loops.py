"""Begins and ends loops: what their items are, and what their instances came to.

Safety: both are written in the loop's record by compare-and-set, and read from there from then on.
Of two coordinators that do it one succeeds, and the other finds what was written. A fence competes
for the same record. Items are never evaluated again, so an instance has the same one at each
attempt.

Liveness: while the record says that the loop has begun, a coordinator that rebuilds the run goes on
with it. Its end is published, and that event goes on with the run.
"""

from __future__ import annotations

__all__ = ["Loops"]

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from flowworker.codec.json import encode
from flowworker.coordinator.steps.attempts import Attempts, final, stale
from flowworker.core.effects import Dispatch
from flowworker.core.error_types import LOOP_LIMIT, TOO_MANY_FAILURES
from flowworker.core.facts import Expanded
from flowworker.core.ids import COORDINATOR, instance_id, shown_id
from flowworker.core.payload import Inline
from flowworker.core.records import ErrorInfo, StepRecord, shortened
from flowworker.core.status import Outcome
from flowworker.definitions.loop_document import MAX_ITEMS
from flowworker.errors import Conflict, ExpressionError, InvalidInput
from flowworker.stores.sealing import items_place, output_place, output_places

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.steps.refusals import Refusals
    from flowworker.core.effects import Expand, Gather
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation
    from flowworker.stores.stores import Stores

_TOGETHER = 16
"""Outputs that are loaded at a time."""


class Loops:
    """Writes and publishes how loops begin and end."""

    def __init__(
        self,
        stores: Stores,
        evaluation: Evaluation,
        refusals: Refusals,
        clock: Clock,
    ) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._runs = stores.runs
        self._payloads = stores.payloads
        self._secrets = stores.secrets
        self._attempts = Attempts(stores, clock)
        self._evaluation = evaluation
        self._refusals = refusals
        self._clock = clock

    async def expand(self, plan: Plan, state: RunState, wanted: Expand) -> Expanded | None:
        """The items of a loop, which has begun then; None if an event says what becomes of it.

        Raises:
            Conflict: the run is not as it is held in memory.
            CorruptRecord, Unavailable: as `Values.of`.
        """
        run = state.record
        attempt = Dispatch(wanted.step, wanted.attempt, wanted.revision)
        try:
            items = await self._evaluated(plan, state, wanted.step)
            packed = await self._packed(run.run, wanted.step, encode(items))
        except (ExpressionError, InvalidInput) as error:
            await self._refusals.refuse(plan, state, attempt, error)
            return None
        if len(items) > MAX_ITEMS:
            limit = f"expected at most {MAX_ITEMS:,} items, found {len(items):,}"
            too_many = ErrorInfo(LOOP_LIMIT, f"{limit}; loop over parts of them", retryable=False)
            await self._refusals.refuse(plan, state, attempt, too_many)
            return None
        record = StepRecord(
            run.run,
            wanted.step,
            **asdict(wanted.attempt),
            outcome=Outcome.RUNNING,
            started_at=self._clock.now(),
            items=packed,
            count=len(items),
        )
        try:
            revision = await self._runs.save_step(COORDINATOR, record, wanted.revision)
        except Conflict:
            found = await self._runs.load_step(COORDINATOR, run.run, wanted.step)
            if found is None or found[0].items is None:
                raise
            record, revision = found
        await self._attempts.started(run, record, revision)
        if record.outcome is not Outcome.RUNNING:
            await self._attempts.settled(run, record, revision)
            return None
        return Expanded(wanted.step, record.items or packed, record.count, revision)

    async def gather(self, state: RunState, wanted: Gather) -> None:
        """End a loop, unless it has ended. May be repeated.

        Raises:
            Unavailable: among others, if what was read of it is stale.
            CorruptRecord: an output cannot be read.
        """
        run = state.record
        found = await self._runs.load_step(COORDINATOR, run.run, wanted.step)
        if found is None or found[1] < wanted.revision:
            raise stale(run.run, wanted.step)
        record, revision = found
        if record.outcome is Outcome.RUNNING:
            record = await self._ended(state, record)
            revision = await self._runs.save_step(COORDINATOR, record, revision)
        await self._attempts.settled(run, record, revision)

    async def _evaluated(self, plan: Plan, state: RunState, step: str) -> list[Any]:
        given = plan.loop(step).items
        if isinstance(given, str):
            found = await self._evaluation.expression(plan, state, step, "items", given)
        else:
            found = await self._evaluation.template(plan, state, step, "items", given)
        if isinstance(found, dict):
            found = [{"key": key, "value": value} for key, value in found.items()]
        if not isinstance(found, list):
            what = encode(found).decode()
            raise ExpressionError(str(given), f"items: expected a list or a map, found {what:.80}")
        return found

    async def _packed(self, run: str, step: str, data: bytes) -> Payload:
        place = items_place(step)
        return await self._payloads.pack(run, COORDINATOR, place, data, place=place)

    async def _ended(self, state: RunState, record: StepRecord) -> StepRecord:
        loop, now = state.loops[record.step], self._clock.now()
        ended = replace(record, outcome=Outcome.FAILED, finished_at=now)
        if loop.is_lost:
            failed = state.steps[loop.first]
            first = f"the first: {shown_id(loop.first)}: {failed.error}"
            said = f"{loop.failed:,} of {loop.count:,} failed, {loop.tolerated:,} may; {first}"
            why = ErrorInfo(TOO_MANY_FAILURES, shortened(said), retryable=False)
            return replace(ended, error=why)
        try:
            data = b"[%s]" % b",".join(await self._outputs(state, record.step, loop.count))
            place, private = output_place(record.step), state.record.secrets is not None
            pack = self._payloads.pack
            output = await pack(record.run, COORDINATOR, place, data, place=place, private=private)
        except InvalidInput as error:
            return replace(ended, error=await final(error, state.record, self._secrets))
        return replace(ended, outcome=Outcome.COMPLETED, output=output)

    async def _outputs(self, state: RunState, step: str, count: int) -> list[bytes]:
        """What the instances have put out, in order of their items; null for those without."""
        found: list[bytes] = []
        stored: list[tuple[int, Payload]] = []
        for index in range(count):
            payload = state.steps[instance_id(step, index)].output
            plain = self._payloads.plain(payload) if isinstance(payload, Inline) else None
            if payload is not None and plain is None:
                stored.append((index, payload))
            found.append(plain or b"null")

        async def load(index: int, payload: Payload) -> None:
            places = output_places(instance_id(step, index))
            found[index] = await self._payloads.load(payload, state.record.run, *places)

        for first in range(0, len(stored), _TOGETHER):
            await asyncio.gather(*(load(*one) for one in stored[first : first + _TOGETHER]))
        return found

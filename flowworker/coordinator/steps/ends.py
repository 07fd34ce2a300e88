"""Steps with `end`, which coordinators settle themselves: nobody is asked to do anything.

The record is COMPLETED at once, in place of a claim and by compare-and-set, with what the run ends
with; its event goes on with the run. The second to come publishes what the first has written.
"""

from __future__ import annotations

__all__ = ["Ends"]

from typing import TYPE_CHECKING

from msgspec.structs import asdict

from flowworker.codec.json import encode, encode_sorted
from flowworker.coordinator.steps.attempts import Attempts
from flowworker.core.ids import COORDINATOR
from flowworker.core.payload import EMPTY, Payload
from flowworker.core.records import StepRecord, shortened
from flowworker.core.status import Outcome
from flowworker.errors import ExpressionError, InvalidInput
from flowworker.stores.sealing import RESULT

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.steps.refusals import Refusals
    from flowworker.core.effects import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.model import End
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation
    from flowworker.stores.stores import Stores


class Ends:
    """Settles such steps."""

    def __init__(
        self, stores: Stores, evaluation: Evaluation, refusals: Refusals, clock: Clock
    ) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._attempts = Attempts(stores, clock)
        self._payloads = stores.payloads
        self._secrets = stores.secrets
        self._evaluation = evaluation
        self._refusals = refusals
        self._clock = clock

    async def settle(self, plan: Plan, state: RunState, wanted: Dispatch, end: End) -> None:
        """Complete an attempt, unless it has ended. May be repeated.

        Raises:
            CorruptRecord, Unavailable: as `Values.of`.
        """
        run, now = state.record, self._clock.now()
        try:
            reason = await self._reason(plan, state, wanted.step, end)
            output = await self._output(plan, state, wanted.step, end)
        except (ExpressionError, InvalidInput) as error:
            await self._refusals.refuse(plan, state, wanted, error)
            return
        record = StepRecord(
            run.run,
            wanted.step,
            **asdict(wanted.attempt),
            outcome=Outcome.COMPLETED,
            finished_at=now,
            output=output,
            reason=reason,
        )
        await self._attempts.end(COORDINATOR, run, wanted, lambda _: record)

    async def _reason(self, plan: Plan, state: RunState, step: str, end: End) -> str:
        said = await self._evaluation.template(plan, state, step, "end.reason", end.reason)
        text = said if isinstance(said, str) else encode(said).decode()
        return shortened(await self._secrets.hide(state.record, text))

    async def _output(self, plan: Plan, state: RunState, step: str, end: End) -> Payload:
        if end.output is None:
            return EMPTY
        value = await self._evaluation.template(plan, state, step, "end.output", end.output)
        data = encode_sorted(value)
        run, private = state.record.run, state.record.secrets is not None
        pack = self._payloads.pack
        return await pack(run, COORDINATOR, RESULT, data, place=RESULT, private=private)

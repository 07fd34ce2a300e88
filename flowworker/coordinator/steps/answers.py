"""Answers what `decide` asks: facts that follow from values of a run.

An answer is not durable by itself. It is a pure function of records, so that a coordinator that is
asked again, after whatever died, comes to the same.
"""

from __future__ import annotations

__all__ = ["Answers", "questions"]

from typing import TYPE_CHECKING, assert_never

from flowworker.codec.json import encode_sorted
from flowworker.coordinator.steps.attempts import final
from flowworker.core.effects import Conclude, Expand, Gather, Judge, Question, Repeat
from flowworker.core.facts import Concluded
from flowworker.core.ids import COORDINATOR
from flowworker.errors import ExpressionError, InvalidInput
from flowworker.stores.sealing import RESULT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.coordinator.steps.judging import Judging
    from flowworker.coordinator.steps.loops import Loops
    from flowworker.coordinator.steps.repeating import Repeating
    from flowworker.core.effects import Effect
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation
    from flowworker.stores.stores import Stores


def questions(effects: Sequence[Effect]) -> list[Question]:
    """Those among the effects that ask something."""
    return [effect for effect in effects if isinstance(effect, Question)]


class Answers:
    """Answers for all runs of a coordinator."""

    def __init__(
        self,
        evaluation: Evaluation,
        stores: Stores,
        judging: Judging,
        loops: Loops,
        repeating: Repeating,
    ) -> None:
        """Answer by means of expressions; keep results in the stores."""
        self._loops = loops
        self._judging = judging
        self._repeating = repeating
        self._evaluation = evaluation
        self._payloads = stores.payloads
        self._secrets = stores.secrets

    async def to(self, plan: Plan, state: RunState, question: Question) -> Fact | None:
        """The fact that a question is answered with; None if an event will answer it.

        Raises:
            Conflict: the run is not as it is held in memory.
            CorruptRecord, Unavailable: as `Values.of`.
        """
        match question:
            case Conclude():
                try:
                    return Concluded(output=await self._output(plan, state))
                except (ExpressionError, InvalidInput) as error:
                    return Concluded(error=await final(error, state.record, self._secrets))
            case Expand():
                return await self._loops.expand(plan, state, question)
            case Gather():
                await self._loops.gather(state, question)
                return None
            case Judge():
                return await self._judging.judge(plan, state, question)
            case Repeat():
                return await self._repeating.judge(plan, state, question)
            case _:
                assert_never(question)

    async def _output(self, plan: Plan, state: RunState) -> Payload:
        given = plan.workflow.output
        value = await self._evaluation.template(plan, state, "", "output", given)
        data = encode_sorted(value)
        run, private = state.record.run, state.record.secrets is not None
        pack = self._payloads.pack
        return await pack(run, COORDINATOR, RESULT, data, place=RESULT, private=private)

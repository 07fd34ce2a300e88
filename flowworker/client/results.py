"""How a run ended: read from its record, or from the reply to its start."""

from __future__ import annotations

__all__ = ["Results", "RunResult", "hidden_result", "rejected_start"]

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from flowworker.codec.json import decode_value
from flowworker.codec.messages import Result, ResultStatus
from flowworker.core.status import RunStatus
from flowworker.errors import (
    InvalidInput,
    RunCancelled,
    RunFailed,
    RunIdTaken,
    RunRefused,
    WorkflowNotFound,
)
from flowworker.stores.sealing import RESULT, output_places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.client.hiding import RunHider
    from flowworker.client.views import Views
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.stores.payloads import PayloadStore


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    Attributes:
        output: what the workflow's `output` says, or else outputs of the steps on which nothing
            depends, by step id; as JSON values.
        error: one line, empty if COMPLETED.
        failed_compensations: steps that could not be undone.
        needs_attention: one of these was critical.
    """

    id: str
    workflow: str
    status: RunStatus
    output: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    failed_compensations: tuple[str, ...] = ()
    needs_attention: bool = False

    def raise_for_status(self) -> Self:
        """The result itself if the run COMPLETED; else RunFailed or RunCancelled."""
        if self.status is RunStatus.COMPLETED:
            return self
        error = RunCancelled if self.status is RunStatus.CANCELLED else RunFailed
        raise error(f"run {self.id} ({self.workflow}) ended {self.status}: {self.error}")


class Results:
    """Reads results."""

    def __init__(self, payloads: PayloadStore, views: Views) -> None:
        self._payloads = payloads
        self._views = views

    async def of_record(self, record: RunRecord) -> RunResult:
        """The result of a run that has ended."""
        by_leaves = record.status is RunStatus.COMPLETED and record.output is None
        output = await self._views.output(record.run) if by_leaves else {}
        return RunResult(
            id=record.run,
            workflow=record.workflow,
            status=record.status,
            output=await self._output(record.run, output, record.output),
            error=record.error,
            failed_compensations=record.failed_compensations,
            needs_attention=record.needs_attention,
        )

    async def of_reply(self, reply: Result) -> RunResult:
        """What a reply says; raises InvalidInput (or a kind of it) if the start was rejected."""
        if reply.status is ResultStatus.REJECTED:
            raise rejected_start(reply.id, reply.error, reply.error_type, reply.retry_at)
        return RunResult(
            id=reply.id,
            workflow=reply.workflow,
            status=RunStatus(reply.status),
            output=await self._output(reply.id, reply.output, reply.whole),
            error=reply.error,
            failed_compensations=reply.failed_compensations,
            needs_attention=reply.needs_attention,
        )

    async def _output(
        self, run: str, output: Mapping[str, Payload], whole: Payload | None
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if whole is not None:
            values = decode_value("output", await self._payloads.load(whole, run, RESULT))
        for step, payload in output.items():
            raw = await self._payloads.load(payload, run, *output_places(step))
            values[step] = decode_value(f"output of {step}", raw)
        return values


def hidden_result(result: RunResult, hider: RunHider) -> RunResult:
    """A result as people may see it."""
    output = hider.value(result.output)
    shown = output if isinstance(output, dict) else {"": output}
    return replace(result, error=hider.text(result.error), output=shown)


def rejected_start(
    run: str, reason: str, error_type: str, retry_at: float
) -> InvalidInput | WorkflowNotFound:
    """The error for a start that a coordinator has rejected."""
    text = f"run {run} was not started: {reason}"
    if error_type == RunRefused.__name__:
        refused = RunRefused(text)
        refused.retry_at = retry_at
        return refused
    known = {kind.__name__: kind for kind in (WorkflowNotFound, RunIdTaken)}
    return known.get(error_type, InvalidInput)(text)

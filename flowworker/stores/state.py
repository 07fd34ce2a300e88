"""The seed's `StateStore`: checkpoints of executions, for whoever wants to read or write them.

It is a view on the very records that the engine runs on. A run made by the fleet is visible here,
and an execution that was checkpointed here can be resumed by a `Runner`. Execution is the seed's
word for a run.
"""

from __future__ import annotations

__all__ = ["StateStore"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import is_json
from flowworker.codec.keys import emit_key
from flowworker.core.ids import DOTTED_NAME, RUN_ID
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, RunStatus, StepStatus
from flowworker.errors import Conflict, InvalidInput, NotFound, RunNotFound
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.runs import RunStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.ports import Backend
    from flowworker.settings import Settings

_NOT_ATTEMPTED = ErrorInfo("Interrupted", "the attempt was not completed")

_NOTED: dict[StepStatus, Outcome] = {
    StepStatus.RUNNING: Outcome.RUNNING,
    StepStatus.COMPLETED: Outcome.COMPLETED,
    StepStatus.CANCELLED: Outcome.CANCELLED,
}
"""What a noted state means to the engine; all others: attempt it (again)."""


class StateStore:
    """Reads and writes checkpoints. All methods raise InvalidInput for malformed ids and values."""

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        clock: Clock,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """View the backend's records; `close` is called by `close`, if given."""
        self._records = backend.runs
        self._runs = RunStore(backend.runs)
        self._payloads = PayloadStore(backend.payloads, settings)
        self._timers = backend.timers
        self._clock = clock
        self._close = close

    async def close(self) -> None:
        """Let go of what the store was opened with."""
        if self._close is not None:
            await self._close()

    async def initialize_execution(self, exec_id: str, data: bytes) -> None:
        """Create an execution with its input (JSON bytes), or replace the input of one."""
        await self.save_input(exec_id, data)

    async def save_input(self, exec_id: str, data: bytes) -> None:
        """Store the input (JSON bytes)."""
        _check(RUN_ID.fullmatch(exec_id), f"{exec_id!r} is not an execution id")
        _check(is_json(data), "input must be JSON")
        payload = await self._payloads.pack(exec_id, "input", data)

        def change(record: RunRecord | None) -> RunRecord:
            if record is not None:
                return replace(record, input=payload)
            now = self._clock.now()
            return RunRecord(exec_id, "", "", RunStatus.PENDING, payload, now)

        await self._change_run(exec_id, change)

    async def get_input(self, exec_id: str) -> bytes:
        """The input; raises RunNotFound."""
        return await self._payloads.load((await self._run(exec_id)).input)

    async def save_state(self, exec_id: str, step_id: str, state: str) -> None:
        """Note the state of a step; an empty `step_id` means the execution as a whole."""
        if not step_id:
            status = RunStatus(state) if state in set(RunStatus) else None
            if status is None:
                raise InvalidInput(f"{state!r} is no state of a run: {', '.join(RunStatus)}")
            finished = self._clock.now()

            def move(record: RunRecord | None) -> RunRecord:
                if record is None:
                    return RunRecord(exec_id, "", "", status, EMPTY, finished)
                return replace(record, status=status)

            await self._change_run(exec_id, move)
            return
        if state not in set(StepStatus):
            raise InvalidInput(f"{state!r} is no state of a step: {', '.join(StepStatus)}")
        noted = StepStatus(state)
        outcome = _NOTED.get(noted, Outcome.FAILED)
        failed = outcome is Outcome.FAILED
        await self._change_step(
            exec_id,
            step_id,
            lambda record: replace(
                record,
                outcome=outcome,
                noted=noted,
                attempt=0 if failed else max(record.attempt, 1),
                error=_NOT_ATTEMPTED if failed else None,
            ),
        )

    async def get_state(self, exec_id: str) -> dict[str, str]:
        """State by step; the execution's own under the empty id. Empty for an unknown one."""
        found = await self._runs.load(exec_id)
        states = {} if found is None else {"": str(found[0].status)}
        steps = await self._runs.load_steps(exec_id)
        return states | {step: _state_of(record) for step, (record, _) in steps.items()}

    async def save_step_output(self, exec_id: str, step_id: str, output: bytes) -> None:
        """Store a step's output (JSON bytes)."""
        _check(is_json(output), f"output of {step_id!r} must be JSON")
        payload = await self._payloads.pack(exec_id, step_id, output)
        await self._change_step(exec_id, step_id, lambda record: replace(record, output=payload))

    async def get_step_output(self, exec_id: str, step_id: str) -> bytes:
        """A step's output; raises NotFound if it has none."""
        entry = (await self._runs.load_steps(exec_id)).get(step_id)
        if entry is None or entry[0].output is None:
            raise NotFound(f"step {step_id!r} of {exec_id!r} has no output")
        return await self._payloads.load(entry[0].output)

    async def list_executions(self, state: str) -> list[str]:
        """Ids of all executions in that state, sorted."""
        if state not in set(RunStatus):
            raise InvalidInput(f"{state!r} is no state of a run: {', '.join(RunStatus)}")
        return sorted(run for _, run in await self._runs.list(RunStatus(state)))

    async def record_event_emitted(self, exec_id: str, event_type: str) -> None:
        """Remember that the execution has emitted an event of this type."""
        _check(DOTTED_NAME.fullmatch(event_type), f"{event_type!r} is not an event type")
        await self._records.put(emit_key(exec_id, event_type), b"{}")

    async def is_event_emitted(self, exec_id: str, event_type: str) -> bool:
        """Whether the execution has emitted an event of this type."""
        return await self._records.read(emit_key(exec_id, event_type)) is not None

    async def set_ttl(self, exec_id: str, ttl: float) -> None:
        """Have the execution removed `ttl` seconds from now, once it is over."""
        _check(ttl >= 0, f"ttl must not be negative, found {ttl}")
        await self._timers.set(exec_id, "retention", self._clock.now() + ttl)

    async def _run(self, exec_id: str) -> RunRecord:
        found = await self._runs.load(exec_id)
        if found is None:
            raise RunNotFound(f"no execution {exec_id!r} exists")
        return found[0]

    async def _change_run(
        self, exec_id: str, change: Callable[[RunRecord | None], RunRecord]
    ) -> None:
        while True:
            found = await self._runs.load(exec_id)
            before, revision = found or (None, 0)
            after = change(before)
            try:
                await self._runs.save(after, revision)
            except Conflict:
                continue
            await self._runs.index(after.status, after.workflow, exec_id)
            if before is not None and before.status is not after.status:
                await self._runs.unindex(before.status, before.workflow, exec_id)
            return

    async def _change_step(
        self, exec_id: str, step_id: str, change: Callable[[StepRecord], StepRecord]
    ) -> None:
        _check(DOTTED_NAME.fullmatch(step_id), f"{step_id!r} is not a step id")
        new = StepRecord(
            exec_id,
            step_id,
            Kind.RUN,
            1,
            0,
            Outcome.FAILED,
            noted=StepStatus.PENDING,
            error=_NOT_ATTEMPTED,
        )
        while True:
            queue, record, revision = await self._runs.find_step(exec_id, step_id) or (
                "default",
                new,
                0,
            )
            try:
                await self._runs.save_step(queue, change(record), revision)
            except Conflict:
                continue
            return


def _state_of(record: StepRecord) -> str:
    if record.noted is not None:
        return record.noted
    if record.kind is Kind.COMPENSATE and record.outcome is Outcome.RUNNING:
        return StepStatus.COMPENSATING
    if record.kind is Kind.COMPENSATE and record.outcome is Outcome.COMPLETED:
        return StepStatus.COMPENSATED
    return StepStatus(record.outcome)


def _check(condition: object, message: str) -> None:
    if not condition:
        raise InvalidInput(message)

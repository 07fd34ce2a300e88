"""The Go package's `StateStore`: reads and writes checkpoints of executions.

It is a view on the records that the engine runs on. A run of the fleet is visible here, and an
execution that was checkpointed here can be resumed by a `Runner`. Execution is the Go package's
word for a run.
"""

from __future__ import annotations

__all__ = ["QUEUE", "StateStore"]

import heapq
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from flowworker.clock import SystemClock
from flowworker.codec.json import is_json
from flowworker.codec.keys import RETENTION, emit_key
from flowworker.compat.checkpoints import is_removable, noted_as, states_of, unattempted
from flowworker.core.ids import COORDINATOR, DOTTED_NAME, RUN_ID, STEP_ID
from flowworker.core.model import MAX_SECONDS
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import TERMINAL, RunStatus, StepStatus
from flowworker.errors import Conflict, InvalidInput, NotFound, RunNotFound
from flowworker.settings import Settings
from flowworker.stores.removal import remove_run
from flowworker.stores.sealing import INPUT, output_place, output_places

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.compat.opening import Opening
    from flowworker.core.records import StepRecord
    from flowworker.ports import Backend
    from flowworker.stores.stores import Stores

UNKNOWN = "-"
"""Workflow of an execution that no engine has run yet."""
QUEUE = "default"
"""Whose steps they are until an engine knows their queues."""


class StateStore:
    """Reads and writes checkpoints; opened by its first use, or by `async with`.

    All methods raise InvalidInput for invalid ids and values, CorruptRecord for stored bytes that
    cannot be read, and Unavailable if the server does not answer in time.

    Attributes:
        shared: whether other processes execute runs on its backend, too. If not, active runs are
            this process' own, and stop with it until they are resumed.
        settings: of what runs on it.
        clock: what it takes for the time.
    """

    shared = False

    def __init__(
        self, opening: Opening, settings: Settings | None = None, clock: Clock | None = None
    ) -> None:
        """View the records of a backend."""
        self._opening = opening
        self.settings = settings or Settings()
        self.clock = clock or SystemClock()
        self._expiring: list[tuple[float, str]] = []

    async def stores(self) -> Stores:
        """What an engine runs on whose state is kept here."""
        return await self._opening.stores()

    async def backend(self) -> Backend:
        """All ports behind it."""
        return await self._opening.backend()

    async def close(self) -> None:
        """Let go of what the store opened. It opens again when it is used again."""
        await self._opening.close()

    async def __aenter__(self) -> Self:
        """Open it now."""
        await self.stores()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    # -- executions ------------------------------------------------------------------------

    async def initialize_execution(self, exec_id: str, data: bytes) -> None:
        """Create an execution with its input (JSON bytes); one that exists gets that input."""
        await self._remove_expired(await self.stores())
        await self.save_input(exec_id, data)

    async def save_input(self, exec_id: str, data: bytes) -> None:
        """Store the input (JSON bytes)."""
        stores = await self._of(exec_id)
        _check(is_json(data), f"input of {exec_id!r}: expected JSON, found {data[:80]!r}")
        payload = await stores.payloads.pack(exec_id, COORDINATOR, INPUT, data, place=INPUT)
        now = self.clock.now()

        def change(record: RunRecord | None) -> RunRecord:
            if record is not None:
                return replace(record, input=payload)
            return RunRecord(exec_id, UNKNOWN, "", RunStatus.PENDING, payload, now)

        await self._change_run(stores, exec_id, change)

    async def get_input(self, exec_id: str) -> bytes:
        """The input; raises RunNotFound."""
        stores = await self._of(exec_id)
        found = await self._load(stores, exec_id)
        if found is None:
            raise RunNotFound(f"no execution {exec_id!r} exists: check its id, and which store")
        return await stores.payloads.load(found[0].input, exec_id, INPUT)

    async def get_state(self, exec_id: str) -> dict[str, str]:
        """State by step; the execution's own under the empty id. Empty for an unknown one."""
        stores = await self._of(exec_id)
        found = await self._load(stores, exec_id)
        steps = await stores.runs.load_steps(exec_id)
        if found is None:
            return {
                step: str(record.noted or record.outcome) for step, (record, _) in steps.items()
            }
        plan = await stores.plan(found[0])
        states = states_of(plan, found, steps, self.clock.now())
        return {"": str(found[0].status), **states}

    async def list_executions(self, state: str) -> list[str]:
        """Ids of all executions in that state, sorted."""
        status = _run_status(state)
        stores = await self.stores()
        await self._remove_expired(stores)
        return sorted(run for _, run in await stores.runs.list(status))

    async def set_ttl(self, exec_id: str, ttl: float) -> None:
        """Have the execution removed `ttl` seconds from now, or when it ends if that is later.

        Of an unknown one nothing is left to be removed. NATS keeps the time, but it takes a
        coordinator to come true; Redis removes by itself.
        """
        stores = await self._of(exec_id)
        expected = f"expected 0 to {MAX_SECONDS:,.0f} seconds"
        _check(0 <= ttl <= MAX_SECONDS, f"ttl of {exec_id!r}: {expected}, found {ttl}")
        at = self.clock.now() + ttl

        def change(record: RunRecord | None) -> RunRecord | None:
            return None if record is None else replace(record, expires=at)

        await self._change_run(stores, exec_id, change)
        heapq.heappush(self._expiring, (at, exec_id))

    # -- steps -----------------------------------------------------------------------------

    async def save_state(self, exec_id: str, step_id: str, state: str) -> None:
        """Note the state of a step; an empty `step_id` means the execution as a whole.

        Raises:
            Conflict: the execution has ended; a terminal state never changes.
        """
        stores = await self._of(exec_id)
        if step_id:
            known = ", ".join(StepStatus)
            _check(state in set(StepStatus), f"state of a step: expected {known}; found {state!r}")
            noted = StepStatus(state)
            await self._change_step(stores, exec_id, step_id, lambda r: noted_as(r, noted))
            return
        status, now = _run_status(state), self.clock.now()

        def move(record: RunRecord | None) -> RunRecord:
            record = record or RunRecord(exec_id, UNKNOWN, "", status, EMPTY, now)
            if record.status in TERMINAL and record.status is not status:
                raise Conflict(f"execution {exec_id!r} is {record.status} already")
            ended = (record.finished_at or now) if status in TERMINAL else 0.0
            return replace(record, status=status, finished_at=ended)

        await self._change_run(stores, exec_id, move)

    async def save_step_output(self, exec_id: str, step_id: str, output: bytes) -> None:
        """Store a step's output (JSON bytes)."""
        stores = await self._of(exec_id, step_id)
        _check(is_json(output), f"output of {step_id!r}: expected JSON, found {output[:80]!r}")
        name = output_place(step_id)
        payload = await stores.payloads.pack(exec_id, QUEUE, name, output, place=name)
        await self._change_step(stores, exec_id, step_id, lambda r: replace(r, output=payload))

    async def get_step_output(self, exec_id: str, step_id: str) -> bytes:
        """A step's output; raises NotFound if it has none."""
        stores = await self._of(exec_id, step_id)
        found = await stores.runs.find_step(exec_id, step_id)
        if found is None or found[1].output is None or await self._is_gone(stores, exec_id):
            raise NotFound(f"step {step_id!r} of {exec_id!r} has no output")
        places = output_places(step_id)
        return await stores.payloads.load(found[1].output, exec_id, *places)

    # -- events ----------------------------------------------------------------------------

    async def record_event_emitted(self, exec_id: str, event_type: str) -> None:
        """Remember that the execution has emitted an event of this type."""
        stores = await self._of(exec_id, event_type)
        await stores.backend.runs.put(emit_key(QUEUE, exec_id, event_type), b"{}")

    async def is_event_emitted(self, exec_id: str, event_type: str) -> bool:
        """Whether the execution has emitted an event of this type."""
        stores = await self._of(exec_id, event_type)
        return bool(await stores.backend.runs.keys(emit_key("*", exec_id, event_type)))

    # -- inside ----------------------------------------------------------------------------

    async def _of(self, exec_id: str, name: str = "") -> Stores:
        expected = "expected 1 to 128 letters, digits, '_' or '-'"
        _check(RUN_ID.fullmatch(exec_id), f"execution id {exec_id[:140]!r}: {expected}")
        expected = "expected tokens of letters, digits, '_' or '-', joined by dots"
        _check(not name or DOTTED_NAME.fullmatch(name), f"{expected}; found {name[:140]!r}")
        return await self.stores()

    async def _load(self, stores: Stores, exec_id: str) -> tuple[RunRecord, int] | None:
        """The record, unless its time to live has ended."""
        found = await stores.runs.load(exec_id)
        if found is not None and is_removable(found[0], self.clock.now()):
            await remove_run(stores, exec_id, found[0], self.clock)
            return None
        return found

    async def _is_gone(self, stores: Stores, exec_id: str) -> bool:
        found = await stores.runs.load(exec_id)
        return found is not None and is_removable(found[0], self.clock.now())

    async def _remove_expired(self, stores: Stores) -> None:
        """Those whose time was set here; others may keep better time (see `set_ttl`)."""
        while self._expiring and self._expiring[0][0] <= self.clock.now():
            await self._load(stores, heapq.heappop(self._expiring)[1])

    async def _change_run(
        self, stores: Stores, exec_id: str, change: Callable[[RunRecord | None], RunRecord | None]
    ) -> None:
        while True:
            before, revision = await self._load(stores, exec_id) or (None, 0)
            after = change(before)
            if after is None:
                return
            try:
                await stores.runs.save(after, revision)
                break
            except Conflict:
                continue
        await stores.runs.move(before, after)
        if after.expires and after.status in TERMINAL:
            await stores.backend.timers.set(exec_id, RETENTION, after.expires)

    async def _change_step(
        self, stores: Stores, exec_id: str, step_id: str, change: Callable[[StepRecord], StepRecord]
    ) -> None:
        expected = "expected tokens of letters, digits, '_' or '-'"
        _check(STEP_ID.fullmatch(step_id), f"step id {step_id[:140]!r}: {expected}")
        while True:
            found = await stores.runs.find_step(exec_id, step_id)
            queue, record, revision = found or (QUEUE, unattempted(exec_id, step_id), 0)
            try:
                await stores.runs.save_step(queue, change(record), revision)
                return
            except Conflict:
                continue


def _run_status(state: str) -> RunStatus:
    expected = f"expected {', '.join(RunStatus)}"
    _check(state in set(RunStatus), f"state of an execution: {expected}; found {state!r}")
    return RunStatus(state)


def _check(condition: object, message: str) -> None:
    if not condition:
        raise InvalidInput(message)

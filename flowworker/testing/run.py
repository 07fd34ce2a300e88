"""A run that a test drives: what became of it, and what an operator may do about it."""

from __future__ import annotations

__all__ = ["TriedRun"]

from typing import TYPE_CHECKING, Any

from flowworker.client import StepView
from flowworker.codec.json import decode_value
from flowworker.core.ids import defined_id, index_of, shown_id, step_of
from flowworker.core.rebuild import view
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import InvalidInput
from flowworker.stores.sealing import output_places
from flowworker.testing.seen import StepOfRun, emitted_in

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Protocol, TypeVar

    from flowworker.client import RunResult, RunView
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.core.status import HumanAction
    from flowworker.testing.app import Call
    from flowworker.testing.engine import Engine
    from flowworker.testing.seen import Emitted

    T = TypeVar("T")

    class Drive(Protocol):
        """Runs the loop until that is done."""

        def __call__(self, work: Coroutine[Any, Any, T]) -> T:
            """Its result."""
            ...


_MOMENT = 1e-3
"""Seconds between what was asked for before and a pause: the later one counts."""


class TriedRun:
    """One run. To look at it takes no time; what acts on it lets it go on until it rests again.

    A run *rests* when it has ended, or waits for somebody outside and for nothing else.

    Attributes:
        id: the run's.
    """

    def __init__(self, run_id: str, engine: Engine, drive: Drive) -> None:
        """The run of that id, which was started."""
        self.id = run_id
        self._engine = engine
        self._drive = drive

    def __repr__(self) -> str:
        return f"<run {self.id}>"

    # What became of it

    @property
    def status(self) -> RunStatus:
        """The state of the run."""
        return self.view.status

    @property
    def completed(self) -> bool:
        """Whether it COMPLETED."""
        return self.status is RunStatus.COMPLETED

    @property
    def view(self) -> RunView:
        """The run and its steps as `flowworker status` shows them."""
        return self._drive(self._engine.client.status(self.id))

    @property
    def result(self) -> RunResult:
        """How it ended.

        Raises:
            InvalidInput: it has not ended.
        """
        status = self.status
        if status not in TERMINAL:
            raise InvalidInput(f"run {self.id} has no result yet: it is {status}")
        return self._drive(self._engine.client.result(self.id))

    @property
    def output(self) -> dict[str, Any]:
        """The result's output, if it has ended."""
        return self.result.output

    @property
    def error(self) -> str:
        """Why it failed, or why it stops; empty if it does neither."""
        return self.view.error

    @property
    def waiting(self) -> tuple[str, ...]:
        """Steps that wait for somebody: for a human, or for a signal."""
        return self._drive(self._waiting())

    @property
    def history(self) -> list[dict[str, Any]]:
        """All events of the run as CloudEvents, oldest first."""
        return self._drive(self._engine.client.history(self.id))

    @property
    def emitted(self) -> list[Emitted]:
        """What its handlers emitted, oldest first."""
        return emitted_in(self.history)

    @property
    def calls(self) -> list[Call]:
        """Calls of its handlers, in their order."""
        return [call for call in self._engine.app.calls if call.run_id == self.id]

    def step(self, step_id: str) -> StepOfRun:
        """One of its steps.

        Raises:
            InvalidInput: its workflow has no such step.
        """
        return self._drive(self._step(step_id))

    # What may be done

    def wait(self) -> TriedRun:
        """Let time pass until it rests.

        Raises:
            Standstill: it never will; says what it waits for.
            InvalidInput: its start was rejected.
        """
        self._drive(self._engine.until(self._rests, self._why_not))
        return self

    def wait_for_end(self) -> TriedRun:
        """Let time pass until it has ended, also while it waits for a human: a timeout may end it.

        Raises:
            Standstill: it never will.
        """
        self._drive(self._engine.until(self._has_ended, self._why_not))
        return self

    def resume(self, action: HumanAction | str, step: str = "", output: Any = None) -> TriedRun:
        """Answer a step that waits for a human, as `Client.resume` does."""
        self._drive(self._engine.client.resume(self.id, action, step, output))
        return self.wait()

    def signal(self, name: str, payload: Any = None, *, signal_id: str | None = None) -> TriedRun:
        """Send it a signal, as `Client.signal` does."""
        signal = self._engine.client.signal(self.id, name, payload, signal_id=signal_id)
        self._drive(signal)
        return self.wait()

    def approve(self, step: str = "", output: Any = None, *, reason: str = "") -> TriedRun:
        """Say yes to a step that asks, as `Client.approve` does."""
        self._drive(self._engine.client.approve(self.id, step, output, reason=reason))
        return self.wait()

    def reject(self, reason: str, step: str = "") -> TriedRun:
        """Say no to a step that asks, as `Client.reject` does."""
        self._drive(self._engine.client.reject(self.id, reason, step))
        return self.wait()

    def cancel(self, reason: str = "") -> TriedRun:
        """Ask it to stop: what was completed is compensated."""
        self._drive(self._engine.client.cancel(self.id, reason))
        return self.wait()

    def terminate(self, reason: str = "") -> TriedRun:
        """Ask it to stop at once, without compensation."""
        self._drive(self._engine.client.terminate(self.id, reason))
        return self.wait()

    def pause(self, reason: str = "", *, actor: str = "") -> TriedRun:
        """Have nothing of it begin any more, as `Client.pause` does; a moment passes before.

        Then it rests as soon as none of its handlers runs. Timers go on: let time pass with
        `WorkflowTest.advance`.
        """
        self._drive(self._engine.advance(_MOMENT))
        self._drive(self._engine.client.pause(self.id, reason, actor=actor))
        return self.wait()

    def unpause(self, *, actor: str = "") -> TriedRun:
        """Let it go on, a moment later."""
        self._drive(self._engine.advance(_MOMENT))
        self._drive(self._engine.client.unpause(self.id, actor=actor))
        return self.wait()

    # How that is found out

    async def _look(self) -> tuple[Plan, RunState] | None:
        """The run as its records say; None before it has one."""
        stores = self._engine.stores
        found = await stores.runs.load(self.id)
        if found is None:
            return None
        record, revision = found
        plan = await stores.definitions.by_hash(record.definition)
        steps = await stores.runs.load_steps(self.id)
        return plan, view(plan, record, revision, steps, self._engine.clock.now())

    async def _waiting(self) -> tuple[str, ...]:
        found = await self._look()
        return () if found is None else tuple(map(shown_id, _asking(*found)))

    async def _rests(self) -> bool:
        found = await self._engine.stores.runs.load(self.id)
        if found is None:
            await self._engine.client.result(self.id)  # raises why there is none
            return True
        if (status := found[0].status) in TERMINAL:
            return True
        if status is not RunStatus.WAITING_HUMAN and self._is_running():
            return False  # and its steps, of which there may be thousands, need not be looked at
        if found[0].is_paused and not self._is_running():
            return True
        looked = await self._look()
        if looked is None:
            return False
        asking, state = _asking(*looked), looked[1]
        loops = {step for step, loop in state.loops.items() if loop.at_work}
        return bool(asking) and all(step in loops or step in asking for step in state.inflight)

    def _is_running(self) -> bool:
        return any(call.run_id == self.id for call in self._engine.app.running)

    async def _has_ended(self) -> bool:
        found = await self._engine.stores.runs.load(self.id)
        return found is not None and found[0].status in TERMINAL

    async def _why_not(self) -> str:
        running, waiting = self._engine.running(), await self._waiting()
        if (await self._engine.client.status(self.id)).paused is not None:
            running = f"it is paused; {running}"
        if not waiting:
            return running
        return f"run {self.id} waits for somebody: {', '.join(waiting)}; {running}"

    async def _step(self, step_id: str) -> StepOfRun:
        seen = await self._engine.client.status(self.id)
        looked, own = await self._look(), step_of(step_id)
        at = None if looked is None else looked[1].steps.get(own)
        if at is None:
            known = ", ".join(step.id for step in seen.steps)
            raise InvalidInput(f"run {self.id} has no step {step_id!r}; it has {known}")
        found = (step for step in seen.each() if step.id == shown_id(own))
        step = next(found, StepView(shown_id(own), at.status))
        payload, output = at.output, None
        if payload is not None:
            places = output_places(own)
            raw = await self._engine.stores.payloads.load(payload, self.id, *places)
            output = decode_value(f"output of {step_id}", raw)
        calls = tuple(one for one in self.calls if own in {one.step_id, defined_id(one.step_id)})
        return StepOfRun(step_id, step.status, output, step.error, calls, step.iteration)


def _asking(plan: Plan, state: RunState) -> tuple[str, ...]:
    """Steps that wait for somebody, in topological order."""
    begun = sorted(step for step in state.steps if index_of(step) is not None)
    return tuple(
        step
        for step in (*plan.order, *begun)
        if step in state.waiting
        or (step in state.inflight and plan.step(step).wait_for is not None)
    )

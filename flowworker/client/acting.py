"""What a client does to runs that exist: it stops them, answers them, and signals to them."""

from __future__ import annotations

__all__ = ["Acting"]

from typing import TYPE_CHECKING, Any

from flowworker.client.starting import check_dotted_name, one_of
from flowworker.codec.json import decode_value
from flowworker.codec.messages import ControlCommand
from flowworker.codec.values import encode_value
from flowworker.core.ids import shown_id, step_of
from flowworker.core.status import APPROVALS, HumanAction
from flowworker.definitions import InputValidator
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.client.commands import Commands
    from flowworker.client.lookup import Lookup
    from flowworker.client.views import RunView, Views
    from flowworker.core.model import Approval


class Acting:
    """A part of `Client`."""

    _commands: Commands
    _lookup: Lookup
    _views: Views

    async def cancel(self, run_id: str, reason: str = "") -> None:
        """Ask a run to stop: what was completed is compensated, then it is CANCELLED.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has ended already.
        """
        await self._lookup.find_active(run_id)
        await self._commands.control("cancel", run_id, ControlCommand(reason=reason))

    async def terminate(self, run_id: str, reason: str = "") -> None:
        """Ask a run to stop at once, without compensation. Raises as `cancel`."""
        await self._lookup.find_active(run_id)
        await self._commands.control("terminate", run_id, ControlCommand(reason=reason))

    async def resume(
        self,
        run_id: str,
        action: HumanAction | str,
        step: str = "",
        output: Any = None,
    ) -> None:
        """Answer a step that waits for a human.

        Args:
            run_id: whose step.
            action: `retry` (its whole policy again), `cancel` (it fails), `skip`, or `complete`.
            step: which step; may be left out if only one waits.
            output: for `complete`, a JSON value that becomes the step's output.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has ended, no such step waits, or it asks and has not failed.
            PayloadTooLarge: the output exceeds `payload_limit`.
        """
        answer = one_of(HumanAction, action, "an action")
        if answer in APPROVALS:
            raise InvalidInput(f"a step that asks is answered by {answer}, not by resume")
        if output is not None and answer is not HumanAction.COMPLETE:
            raise InvalidInput(f"an output goes with the action complete, not with {answer}")
        chosen, asked = await self._waits(run_id, step)
        if asked is not None:
            raise InvalidInput(
                f"step {shown_id(chosen)!r} of run {run_id} asks; answer it by approve or reject"
            )
        command = ControlCommand(action=answer, step=step_of(step), output=output)
        await self._commands.control("resume", run_id, command)

    async def approve(
        self, run_id: str, step: str = "", output: Any = None, *, reason: str = "", actor: str = ""
    ) -> None:
        """Approve what a step asks.

        Args:
            run_id: whose step.
            step: which one; may be left out if only one asks.
            output: a JSON value that becomes the step's output; `{}` if none is given.
            reason: why, kept with the answer.
            actor: who answers, kept with the answer.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has ended, no such step asks, or the output does not satisfy what its
                `schema` says.
            PayloadTooLarge: the output exceeds `payload_limit`.
        """
        chosen, asked = await self._asked(run_id, step)
        if asked.schema is not None:
            given = decode_value("output", encode_value({} if output is None else output))
            if problems := InputValidator(asked.schema).problems(given):
                listed = "; ".join(problems)
                raise InvalidInput(f"the output of step {shown_id(chosen)!r}: {listed}")
        command = ControlCommand(step=chosen, output=output, reason=reason)
        await self._commands.control("approve", run_id, command, actor)

    async def reject(self, run_id: str, reason: str, step: str = "", *, actor: str = "") -> None:
        """Reject what a step asks: it fails with `Rejected`. Raises as `approve`."""
        chosen, _ = await self._asked(run_id, step)
        command = ControlCommand(step=chosen, reason=reason)
        await self._commands.control("reject", run_id, command, actor)

    async def _asked(self, run_id: str, step: str) -> tuple[str, Approval]:
        chosen, asked = await self._waits(run_id, step)
        if asked is None:
            shown = shown_id(chosen)
            raise InvalidInput(f"step {shown!r} of run {run_id} has failed; answer it by resume")
        return chosen, asked

    async def _waits(self, run_id: str, step: str) -> tuple[str, Approval | None]:
        """The step that waits for a human, and what it asks: nothing if it has failed."""
        await self._lookup.find_active(run_id)
        run = await self._views.run(run_id)
        _check_waits(run, shown_id(step))
        plan = await self._views.plan(run_id)
        chosen = step_of(step or run.waiting[0])
        failed = any(one.id == shown_id(chosen) and one.finished_at for one in run.each())
        return chosen, None if failed else plan.step(chosen).approval

    async def signal(
        self, run_id: str, name: str, payload: Any = None, *, signal_id: str | None = None
    ) -> None:
        """Send a signal. It is kept as long as the run lives, and taken by one step that waits.

        Args:
            run_id: to which run.
            name: of the signal, as in `wait_for`.
            payload: a JSON value, which becomes the output of the step.
            signal_id: an idempotency key: of several signals with it to a run, one counts.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has ended already; an argument is not what was expected.
            PayloadTooLarge: the payload exceeds `payload_limit`.
        """
        check_dotted_name("a signal's name", name)
        await self._lookup.find_active(run_id)
        await self._commands.signal(run_id, name, payload, signal_id or "")


def _check_waits(run: RunView, step: str) -> None:
    waiting = run.waiting
    named = ", ".join(waiting)
    if not waiting:
        raise InvalidInput(
            f"no step of run {run.id} waits for a human: it is {run.status}; "
            "only a run that is WAITING_HUMAN can be resumed"
        )
    if step and step not in waiting:
        raise InvalidInput(f"step {step!r} of run {run.id} does not wait for a human; {named} does")
    if not step and len(waiting) > 1:
        raise InvalidInput(f"several steps of run {run.id} wait, say which one: {named}")

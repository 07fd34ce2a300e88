"""What a client does to runs that exist: it stops them, answers them, and signals to them."""

from __future__ import annotations

__all__ = ["Acting"]

from typing import TYPE_CHECKING, Any

from flowworker.client.starting import check_dotted_name, one_of
from flowworker.codec.messages import ControlCommand
from flowworker.core.status import HumanAction
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.client.commands import Commands
    from flowworker.client.lookup import Lookup
    from flowworker.client.views import RunView, Views


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
            InvalidInput: it has ended, or no such step waits.
            PayloadTooLarge: the output exceeds `payload_limit`.
        """
        answer = one_of(HumanAction, action, "an action")
        if output is not None and answer is not HumanAction.COMPLETE:
            raise InvalidInput(f"an output goes with the action complete, not with {answer}")
        await self._lookup.find_active(run_id)
        _check_waits(await self._views.run(run_id), step)
        command = ControlCommand(action=answer, step=step, output=output)
        await self._commands.control("resume", run_id, command)

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

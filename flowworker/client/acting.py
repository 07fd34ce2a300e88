"""What a client does to runs that exist: it stops or pauses them, answers, signals to them."""

from __future__ import annotations

__all__ = ["Acting"]

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from flowworker.client.pool import Pace, each_once, for_each
from flowworker.client.starting import check_dotted_name
from flowworker.codec.messages import ControlCommand
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from flowworker.acts import Act, Acted
    from flowworker.client.answers import Answers
    from flowworker.client.commands import Commands
    from flowworker.client.lookup import Lookup
    from flowworker.client.once import Once
    from flowworker.clock import Clock
    from flowworker.core.status import HumanAction


class Acting:
    """A part of `Client`."""

    _answers: Answers
    _clock: Clock
    _commands: Commands
    _lookup: Lookup
    _once: Once

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

    async def pause(self, run_id: str, reason: str = "", *, actor: str = "") -> None:
        """Ask a run to pause: nothing of it begins any more, and what runs ends.

        What waits in a queue is taken back; its timers go on. Of several pauses and unpauses the
        one that was sent last counts.

        Args:
            run_id: which run.
            reason: why, shown as long as it pauses.
            actor: who asks, shown as well.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has ended already.
        """
        await self._lookup.find_active(run_id)
        await self._commands.control("pause", run_id, ControlCommand(reason=reason), actor)

    async def unpause(self, run_id: str, *, actor: str = "") -> None:
        """Ask a run to go on, if it pauses. Raises as `pause`."""
        await self._lookup.find_active(run_id)
        await self._commands.control("unpause", run_id, ControlCommand(), actor)

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
        answer = await self._answers.to_failed(run_id, action, step, output)
        await self._commands.control("resume", run_id, answer.command)

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
        answer = await self._answers.approval(run_id, step, output, reason)
        await self._commands.control("approve", run_id, answer.command, actor)

    async def reject(self, run_id: str, reason: str, step: str = "", *, actor: str = "") -> None:
        """Reject what a step asks: it fails with `Rejected`. Raises as `approve`."""
        answer = await self._answers.rejection(run_id, step, reason)
        await self._commands.control("reject", run_id, answer.command, actor)

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

    async def act_on(
        self,
        runs: Iterable[str] | AsyncIterable[str],
        act: Act,
        *,
        rate: float | None = None,
        dry_run: bool = False,
    ) -> AsyncGenerator[Acted]:
        """Do the same to many runs, some at a time; what becomes of each, as it is known.

        Each is acted on once, however often this is called: what was interrupted goes on where it
        was. What is refused is said of its run, and the others go on.

        Args:
            runs: their ids. They are taken as they are needed, so they may be found meanwhile.
            act: one of `flowworker.acts`, such as `Cancel("sold out")`.
            rate: so many requests in a second at most; what needs none does not count.
            dry_run: only say what would become of each.

        Raises:
            InvalidInput: the rate is not more than 0.
            Unavailable: the server does not answer: some requests may be stored, of runs of which
                nothing was said.
        """
        if rate is not None and not rate > 0:
            raise InvalidInput(f"expected a rate of more than 0 in a second, found {rate}")
        pace = Pace(self._clock, rate)

        async def do(run: str) -> Acted:
            return await self._once.do(run, act, pace, dry_run=dry_run)

        async with aclosing(for_each(each_once(runs), do)) as done:
            async for one in done:
                yield one

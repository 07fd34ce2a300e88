"""Does an act to one run, unless it is done already.

Safety: whether it is done follows from what the fleet keeps: from the record of the run, or from
whether there is the run that a rerun would begin, whose id follows from the run and the act. So
who asks again, from wherever, finds what was done before. Between a request and its effect
somebody may ask a second time. Of two requests to stop with one message id the server keeps one,
and a run stops once in any case; a step that does not ask any more is not answered; and two reruns
of one id are one.
"""

from __future__ import annotations

__all__ = ["Once"]

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, assert_never

from flowworker.acts import (
    Acted,
    Approve,
    Cancel,
    Outcome,
    Pause,
    Reject,
    Rerun,
    Retry,
    Terminate,
    Unpause,
    name_of,
)
from flowworker.client.accepted import NotBegun
from flowworker.client.lookup import check_active
from flowworker.client.reruns import rerun_id
from flowworker.client.starting import encode_input
from flowworker.codec.messages import ControlCommand
from flowworker.core import records
from flowworker.core.records import StopReason
from flowworker.core.status import HumanAction, RunStatus
from flowworker.errors import FlowworkerError, InvalidInput, PayloadKeyMissing, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.acts import Act
    from flowworker.client.answers import Answers
    from flowworker.client.commands import Commands
    from flowworker.client.lookup import Lookup
    from flowworker.client.pool import Pace
    from flowworker.client.reruns import Reruns


@dataclass(frozen=True, slots=True)
class _Next:
    """What is left to do for a run: a request, or nothing.

    Attributes:
        new_id: the run that it begins.
    """

    send: Callable[[], Awaitable[object]] | None
    new_id: str = ""


_DONE = _Next(None)


class Once:
    """Acts on runs for one client."""

    def __init__(
        self,
        lookup: Lookup,
        commands: Commands,
        answers: Answers,
        reruns: Reruns,
        begin: Callable[..., Awaitable[str]],
        limit: int,
    ) -> None:
        """Begin reruns as `Client.rerun` does, with inputs of `limit` bytes at most."""
        self._lookup = lookup
        self._commands = commands
        self._answers = answers
        self._reruns = reruns
        self._begin = begin
        self._limit = limit

    async def do(self, run: str, act: Act, pace: Pace, *, dry_run: bool = False) -> Acted:
        """What became of it; or, if that is all that is wanted, what would.

        Raises:
            Unavailable: the server does not answer.
        """
        try:
            left = await self._left(run, act)
            if left.send is None:
                return Acted(run, Outcome.ALREADY, left.new_id)
            if not dry_run:
                await pace.turn()
                await left.send()
            return Acted(run, Outcome.REQUESTED, left.new_id)
        except FlowworkerError as error:
            of_this_run = isinstance(error, NotBegun | PayloadKeyMissing)
            if isinstance(error, Unavailable) and not of_this_run:
                raise
            kind = Unavailable if isinstance(error, NotBegun) else type(error)
            return Acted(run, Outcome.REFUSED, error=str(error), error_type=kind.__name__)

    async def _left(self, run: str, act: Act) -> _Next:
        match act:
            case Cancel() | Terminate():
                return await self._stop(run, act)
            case Pause() | Unpause():
                return await self._steer(run, act)
            case Approve():
                return await self._approve(run, act)
            case Reject():
                return await self._reject(run, act)
            case Retry():
                return await self._rerun(run, Rerun(failed=True))
            case Rerun():
                return await self._rerun(run, act)
            case _:
                assert_never(act)

    async def _stop(self, run: str, act: Cancel | Terminate) -> _Next:
        """A cancel changes nothing of a run that stops, whatever for."""
        record = await self._lookup.find(run)
        stop, terminates = record.stop, isinstance(act, Terminate)
        stops = stop is not None and (not terminates or stop.reason is StopReason.TERMINATED)
        if record.status is RunStatus.CANCELLED or (stops and not record.finished_at):
            return _DONE
        check_active(record)
        name, command = name_of(act), ControlCommand(reason=act.reason)
        # No id of a start or of a signal has a slash in this place.
        send = partial(self._commands.control, name, run, command, message_id=f"{name}/{run}")
        return _Next(send)

    async def _steer(self, run: str, act: Pause | Unpause) -> _Next:
        record = await self._lookup.find_active(run)
        if (record.paused is not None) is isinstance(act, Pause):
            return _DONE
        reason = act.reason if isinstance(act, Pause) else ""
        return self._control(name_of(act), run, ControlCommand(reason=reason), act.actor)

    async def _approve(self, run: str, act: Approve) -> _Next:
        if await self._answers.is_given(run, act.step, HumanAction.APPROVE):
            return _DONE
        command = await self._answers.approval(run, act.step, act.output, act.reason)
        return self._control("approve", run, command, act.actor)

    async def _reject(self, run: str, act: Reject) -> _Next:
        if await self._answers.is_given(run, act.step, HumanAction.REJECT):
            return _DONE
        command = await self._answers.rejection(run, act.step, act.reason)
        return self._control("reject", run, command, act.actor)

    async def _rerun(self, run: str, act: Rerun) -> _Next:
        given = b"" if act.input is None else encode_input(act.input, self._limit)
        wanted = records.Rerun(act.from_step, act.failed, act.latest)
        new_id = rerun_id(run, wanted, given)
        if await self._reruns.is_there(new_id):
            return _Next(None, new_id)
        if problems := (await self._reruns.plan(run, wanted)).problems:
            raise InvalidInput("; ".join(problems))  # what the coordinator would reject later
        how = {"from_step": act.from_step, "failed": act.failed, "latest": act.latest}
        return _Next(partial(self._begin, run, **how, input=act.input, new_id=new_id), new_id)

    def _control(self, name: str, run: str, command: ControlCommand, actor: str) -> _Next:
        return _Next(partial(self._commands.control, name, run, command, actor))

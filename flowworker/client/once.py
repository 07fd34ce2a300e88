"""Does an act to one run, unless it is done already.

Safety: whether it is done follows from what the fleet keeps: from the record of the run, or from
whether there is the run that a rerun would begin, whose id follows from the run and the act. So
who asks again, from wherever, finds what was done before. Between a request and its effect
somebody may ask a second time. Of two requests with one message id the server keeps one, for as
long as it remembers them: to stop, which a run does once in any case; and to answer, where the id
names the question, so that an answer which is sent twice does not answer the next one. The id of a
signal is remembered with its run, and two reruns of one id are one.
"""

from __future__ import annotations

__all__ = ["Once"]

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, assert_never

from flowworker.acts import (
    Acted,
    Approve,
    Cancel,
    Outcome,
    Pause,
    Reject,
    Rerun,
    Resume,
    Retry,
    Signal,
    Terminate,
    Unpause,
    name_of,
)
from flowworker.client.accepted import NotBegun
from flowworker.client.lookup import check_active
from flowworker.client.reruns import rerun_id
from flowworker.client.starting import check_dotted_name, encode_input
from flowworker.codec.messages import ControlCommand
from flowworker.codec.values import encode_value
from flowworker.core import records
from flowworker.core.records import StopReason
from flowworker.core.status import HumanAction, RunStatus
from flowworker.errors import FlowworkerError, InvalidInput, PayloadKeyMissing, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.acts import Act
    from flowworker.client.answers import Answered, Answers
    from flowworker.client.commands import Commands
    from flowworker.client.lookup import Lookup
    from flowworker.client.pool import Pace
    from flowworker.client.reruns import Reruns
    from flowworker.stores.signals import SignalStore


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
        signals: SignalStore,
        begin: Callable[..., Awaitable[str]],
        limit: int,
    ) -> None:
        """Begin reruns as `Client.rerun` does, with inputs of `limit` bytes at most."""
        self._lookup = lookup
        self._commands = commands
        self._answers = answers
        self._reruns = reruns
        self._signals = signals
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
            case Resume():
                return await self._resume(run, act)
            case Signal():
                return await self._signal(run, act)
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
        command = ControlCommand(reason=act.reason if isinstance(act, Pause) else "")
        return _Next(partial(self._commands.control, name_of(act), run, command, act.actor))

    async def _approve(self, run: str, act: Approve) -> _Next:
        if await self._answers.is_given(run, act.step, HumanAction.APPROVE):
            return _DONE
        answer = await self._answers.approval(run, act.step, act.output, act.reason)
        return self._answer(run, act, answer, act.actor)

    async def _reject(self, run: str, act: Reject) -> _Next:
        if await self._answers.is_given(run, act.step, HumanAction.REJECT):
            return _DONE
        answer = await self._answers.rejection(run, act.step, act.reason)
        return self._answer(run, act, answer, act.actor)

    async def _resume(self, run: str, act: Resume) -> _Next:
        if await self._answers.is_decided(run, act.step, HumanAction(act.action)):
            return _DONE
        answer = await self._answers.to_failed(run, act.action, act.step, act.output)
        return self._answer(run, act, answer)

    async def _signal(self, run: str, act: Signal) -> _Next:
        check_dotted_name("a signal's name", act.name)
        message_id = act.id or _signal_id(act)
        record = await self._lookup.find(run)
        if await self._signals.is_kept(run, message_id):
            return _DONE
        check_active(record)
        return _Next(partial(self._commands.signal, run, act.name, act.payload, message_id))

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

    def _answer(
        self, run: str, act: Approve | Reject | Resume, answer: Answered, actor: str = ""
    ) -> _Next:
        name, command = name_of(act), answer.command
        # No id of a start or of a signal has a slash in this place.
        message_id = f"{name}/{answer.question}/{command.action or name}"
        return _Next(partial(self._commands.control, name, run, command, actor, message_id))


def _signal_id(act: Signal) -> str:
    """Follows from what is said, so that to say it again is known."""
    try:
        payload = encode_value(act.payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the signal cannot be written as JSON: {error}") from error
    return sha256(f"{act.name}\n".encode() + payload).hexdigest()

"""One run in memory: a cache of its records, and what is in flight of it."""

from __future__ import annotations

__all__ = [
    "ForgottenOnFailure",
    "Inflight",
    "LiveRun",
    "check_server",
    "only_dispatches",
    "passed_on",
]

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.core.effects import Dispatch
from flowworker.core.status import TERMINAL
from flowworker.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from flowworker.core.effects import Effect
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.ports import Tail


class Inflight:
    """Effects of one run that are performed while its next events are decided upon."""

    def __init__(self) -> None:
        """Nothing is in flight."""
        self._count = 0
        self._ended = asyncio.Event()

    def __bool__(self) -> bool:
        return self._count > 0

    async def at_most(self, most: int) -> None:
        """Wait until no more than `most` are in flight."""
        while self._count > most:
            self._ended.clear()
            await self._ended.wait()

    def __enter__(self) -> None:
        """One more, until this is left."""
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        self._ended.set()


@dataclass(slots=True)
class LiveRun:
    """A run in memory.

    Attributes:
        generation: of the partition's view that it belongs to.
        touched: when something last happened to it (monotonic seconds).
        server: the life of it in which what is known of the run was read (`ports.Tail`).
        checked: how often recovery found it idle since then.
        inflight: step messages of decided events that are being enqueued.
        delayed: dispatches that wait for a short delay. The event that caused one is not
            acknowledged before it is done.
    """

    plan: Plan
    state: RunState
    generation: int
    touched: float
    server: str = ""
    checked: int = 0
    inflight: Inflight = field(default_factory=Inflight)
    delayed: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def ended(self) -> bool:
        """Whether its status is terminal."""
        return self.state.status in TERMINAL

    def awaits(self, wanted: Dispatch) -> bool:
        """Whether an attempt whose time has come is still to be enqueued."""
        state = self.state
        same = state.steps[wanted.step].attempt == wanted.attempt
        return same and wanted.step in state.inflight and not state.record.is_paused

    def touch(self, now: float) -> None:
        """Something has happened to it."""
        self.touched = now
        self.checked = 0

    def moves_on(self, queued: Collection[str]) -> bool:
        """Whether something durable, or a human, moves it on: nothing needs to be repeated.

        Args:
            queued: steps of it that have messages.
        """
        if self.inflight or any(not dispatch.done() for dispatch in self.delayed):
            return True
        state = self.state
        if state.record.stop is not None and state.saga is None:
            return False  # a fenced attempt may belong to a worker that died
        if state.record.is_paused:
            return True  # what it has in flight ends by itself, or is taken over when it goes on
        awaited = state.inflight or state.waiting
        return bool(awaited) and set(queued).issuperset(state.inflight)


def check_server(live: LiveRun, tail: Tail | None) -> None:
    """Raise Unavailable if the server may have lost what was read of the run before a decision.

    What follows from it must not stand in the history before what the history is to have again.
    """
    if tail is not None and tail.incarnation() != live.server:
        raise Unavailable(f"the server was started anew: run {live.state.record.run} is rebuilt")


class ForgottenOnFailure:
    """Forgets a run whose effects fail, since it says that they were performed.

    Also if that is cancelled: other events of the run may still be followed.
    """

    __slots__ = ("_forget", "_live")

    def __init__(self, live: LiveRun, forget: Callable[[LiveRun], None]) -> None:
        """Have it forgotten by that."""
        self._live = live
        self._forget = forget

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        if kind is not None:
            self._forget(self._live)


class _PassedOn:
    """The next fact of a run may be followed by now.

    A run is rebuilt upon a conflict, and never beside another fact: what was read for that may be
    older than what the other one leaves in memory, and would take its place. So a conflict comes
    too late then, and the event has to come again.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Conflict):
            raise Unavailable(str(error)) from error


passed_on = _PassedOn()


def only_dispatches(effects: Sequence[Effect]) -> bool:
    """Whether they are nothing but step messages, and some."""
    for effect in effects:
        if not isinstance(effect, Dispatch):
            return False
    return bool(effects)

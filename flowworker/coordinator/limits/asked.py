"""Those who ask for a limit, and what they are answered."""

from __future__ import annotations

__all__ = ["Asked", "answer", "fail"]

from typing import TYPE_CHECKING, Any, NamedTuple

from flowworker.coordinator.limits.verdict import Full
from flowworker.errors import Conflict

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from flowworker.codec.limits import Entry
    from flowworker.core.limiting import Turn


class Asked(NamedTuple):
    """Who asks, where it will wait, and whether it was let in."""

    entry: Entry
    ticket: str
    again: bool
    answer: asyncio.Future[bool]


def answer(asked: Iterable[Asked], turn: Turn) -> None:
    """Say what has become of each; who is gone meanwhile asks again."""
    for one in asked:
        ask = one.entry.ask
        if one.answer.done():
            continue
        if ask in turn.late:
            text = f"step {ask.step!r} of {ask.run} is past the attempt that asks"
            one.answer.set_exception(Conflict(text))
        elif ask in turn.refused:
            one.answer.set_exception(Full(turn.record))
        else:
            one.answer.set_result(ask not in turn.waiting)


def fail(answers: Iterable[asyncio.Future[Any]], error: Exception) -> None:
    """Have all that wait for an answer try again."""
    for one in answers:
        if not one.done():
            one.set_exception(error)
            one.exception()  # who asked may be gone

"""Commands that a client waits for until a coordinator has followed them."""

from __future__ import annotations

__all__ = ["followed"]

from typing import TYPE_CHECKING, TypeVar

from flowworker.codec.facts import read_event
from flowworker.core.event_types import EventType
from flowworker.core.ids import run_id_of_sequence
from flowworker.errors import InvalidInput, NotFound, ResultTimeout, ScheduleIdTaken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.ports import Backend

T = TypeVar("T")

_WITHIN = 20.0
"""Seconds within which a coordinator follows what is sent."""
_PAUSES = (0.02, 0.4)
"""Seconds between two looks whether it has: the first, and the longest."""


async def followed(
    backend: Backend,
    clock: Clock,
    sequence: int,
    what: str,
    look: Callable[[], Awaitable[T | None]],
) -> T:
    """What `look` finds once a command was followed, until when it finds None.

    Args:
        backend: to which it was sent.
        clock: which passes meanwhile.
        sequence: under which it is stored.
        what: it is, for messages.
        look: whether it was.

    Raises:
        InvalidInput, NotFound: it was rejected.
        ResultTimeout: no coordinator was there to follow it; it is kept, and will be.
    """
    until, pause = clock.monotonic() + _WITHIN, _PAUSES[0]
    while True:
        found = await look()
        if found is not None:
            return found
        await _raise_rejection(backend, sequence)
        if clock.monotonic() > until:
            raise ResultTimeout(
                f"no coordinator has followed {what} within {_WITHIN:g} s; it is kept, and "
                "followed when one is there"
            )
        await clock.sleep(pause)
        pause = min(2 * pause, _PAUSES[1])


async def _raise_rejection(backend: Backend, sequence: int) -> None:
    run = run_id_of_sequence(sequence)
    for stored in await backend.events.history(run):
        if stored.type == EventType.REJECTED:
            said = read_event(run, stored.data).data
            kinds: tuple[type[NotFound | InvalidInput], ...] = (NotFound, ScheduleIdTaken)
            known = {kind.__name__: kind for kind in kinds}
            raise known.get(said.error_type, InvalidInput)(said.reason)

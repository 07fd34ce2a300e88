"""Repeats what is safe to repeat while the outside cannot be reached."""

from __future__ import annotations

__all__ = ["retry_unavailable"]

from typing import TYPE_CHECKING, TypeVar

from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock

T = TypeVar("T")

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


async def retry_unavailable(clock: Clock, until: float, call: Callable[[], Awaitable[T]]) -> T:
    """What `call` returns, called again after each Unavailable.

    Args:
        clock: measures and waits.
        until: no new try after that, by the clock's `monotonic`; the first is made anyway.
        call: idempotent, or a compare-and-set.

    Raises:
        Unavailable: that of the last try.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return await call()
        except Unavailable:
            if clock.monotonic() + pause > until:
                raise
        await clock.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)

"""Repeats what is safe to repeat while a server cannot be reached."""

from __future__ import annotations

__all__ = ["retry_unavailable"]

from typing import TYPE_CHECKING, TypeVar

from flowworker.errors import PermissionDenied, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock

T = TypeVar("T")

PAUSES = 0.05, 1.0
"""Seconds between two tries: the first pause, and the longest. Each is twice the one before."""


def _may_pass(error: Unavailable) -> bool:
    return not isinstance(error, PermissionDenied)


async def retry_unavailable(
    clock: Clock,
    until: float,
    call: Callable[[], Awaitable[T]],
    *,
    may_pass: Callable[[Unavailable], bool] = _may_pass,
    pauses: tuple[float, float] = PAUSES,
) -> T:
    """What `call` returns, called again after each Unavailable that may pass.

    Args:
        clock: measures and waits.
        until: no new try after that, by the clock's `monotonic`; the first is made anyway.
        call: idempotent, or a compare-and-set.
        may_pass: whether an error may pass; all but a missing right unless given.
        pauses: as `PAUSES`.

    Raises:
        Unavailable: that of the last try.
    """
    pause, longest = pauses
    while True:
        try:
            return await call()
        except Unavailable as error:
            if clock.monotonic() + pause > until or not may_pass(error):
                raise
        await clock.sleep(pause)
        pause = min(pause * 2, longest)

"""Repeating a request that got no answer: how often, and for how long."""

from __future__ import annotations

__all__ = ["Answer", "ask_again"]

import asyncio
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from flowworker.errors import Unavailable
from flowworker.jetstream.client.requests import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.jetstream.client.connection import Connection

T = TypeVar("T")

RETRY_BUDGET = 6
REFUSED_COST = 1
"""No server was there: known at once, so that it may be tried five more times, over 3 s."""
SILENT_COST = 3
"""An answer was waited for in vain, for 2 to 4 s: tried once more."""
FIRST_PAUSE = 0.1
RECONNECT_LIMIT = 5.0
"""Seconds to wait for a lost connection."""


class Answer(NamedTuple, Generic[T]):
    """What the server said; `repeated` if an earlier attempt may have had its effect."""

    data: T
    repeated: bool


async def ask_again(
    connection: Connection,
    error: NoAnswer,
    ask: Callable[[], Awaitable[T]],
    what: str,
    *,
    repeatable: bool = True,
) -> Answer[T]:
    """Make a request again after its first attempt has failed.

    Args:
        connection: by which it is made; it may have to be waited for.
        error: of the first attempt.
        ask: makes the request.
        what: names the request in errors.
        repeatable: whether it may be made again although it may have had its effect.

    Raises:
        Unavailable: the budget is used up, or it must not be repeated.
    """
    left, pause, repeated = RETRY_BUDGET, FIRST_PAUSE, not error.refused
    while repeatable or not repeated:
        left -= REFUSED_COST if error.refused else SILENT_COST
        if left <= 0:
            break
        if not connection.connected:
            if not await connection.up(RECONNECT_LIMIT):
                break
        else:
            await asyncio.sleep(pause)
            pause *= 2
        try:
            return Answer(await ask(), repeated)
        except NoAnswer as again:
            error = again
            repeated = repeated or not again.refused
    raise Unavailable(f"{what}: {error}") from error

"""What handlers are replaced by in tests: what returns, fails or hangs, as often as it shall."""

from __future__ import annotations

__all__ = ["Replacement", "fails", "hangs", "returns"]

import asyncio
from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.handlers import StepContext


class Replacement:
    """Is called instead of a handler; made by `returns`, `fails` and `hangs`."""

    def __init__(self, act: Callable[[], Awaitable[Any]], times: int | None) -> None:
        """Await `act` instead of the first `times` calls for each step of a run; None for all."""
        if times is not None and (isinstance(times, bool) or times < 0):
            raise InvalidInput(f"times: expected a number of calls from 0, found {times!r}")
        self._act = act
        self._times = times
        self._calls: dict[tuple[str, str], int] = {}

    async def call(self, ctx: StepContext, call_next: Callable[[], Awaitable[Any]]) -> Any:
        """Stand in for the handler, or call it if that was done often enough."""
        key = (ctx.run_id, ctx.step_id)
        calls = self._calls[key] = self._calls.get(key, 0) + 1
        if self._times is None or calls <= self._times:
            return await self._act()
        return await call_next()


def returns(value: Any = None, *, times: int | None = None) -> Replacement:
    """Returns that value; with `times`, for so many calls for each step, before the handler."""

    async def act() -> Any:
        return value

    return Replacement(act, times)


def fails(
    error: BaseException | type[BaseException] | str = "it fails in this test",
    *,
    times: int | None = None,
) -> Replacement:
    """Raises that error, a RuntimeError if it is a text; `times` as for `returns`.

    Retries are by the name of the error's class, as everywhere: `fails(TimeoutError(), times=3)`.
    """

    async def act() -> Any:
        raise RuntimeError(error) if isinstance(error, str) else error

    return Replacement(act, times)


def hangs(*, times: int | None = None) -> Replacement:
    """Returns never, so that the step's `timeout` passes; `times` as for `returns`."""

    async def act() -> Any:
        await asyncio.get_running_loop().create_future()

    return Replacement(act, times)

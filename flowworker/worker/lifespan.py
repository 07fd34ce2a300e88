"""What an App's `lifespan` opens for a worker, from before its first step to after its last."""

from __future__ import annotations

__all__ = ["Lifespan"]

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput
from flowworker.tasks import cancel_all
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.handlers.app import App


class Lifespan:
    """Enters and leaves in one task, as many context managers need it.

    Attributes:
        app: whose it is, with all that it includes.
    """

    def __init__(self, app: App) -> None:
        """Of this App and all that it includes."""
        self.app = app
        self._leave = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._opened: dict[App, Any] = {}

    def runtime_of(self, handler: str) -> Any:
        """What that handler gets as `ctx.runtime` from this worker."""
        return self.app.runtime_of(handler, self._opened)

    async def enter(self) -> None:
        """Open what handlers need.

        Raises:
            InvalidInput: it cannot be opened; says why.
        """
        entered = asyncio.get_running_loop().create_future()
        task = self._task = asyncio.create_task(self._live(entered))
        try:
            await asyncio.wait({task, entered}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task = None  # nobody would close what it opens
            await cancel_all([task])
            raise
        if task.done():
            self._task = None
            try:
                await task
            except Exception as error:
                text = f"lifespan: {type(error).__name__}: {error}"
                raise InvalidInput(f"{text}; the worker does not start") from error

    async def leave(self) -> None:
        """Close it; nothing if it was never entered."""
        self._leave.set()
        task, self._task = self._task, None
        if task is not None:
            try:
                await task
            except Exception:  # noqa: BLE001  # the worker ends all the same
                get_logger().exception("lifespan: it could not be closed")

    async def _live(self, entered: asyncio.Future[None]) -> None:
        async with AsyncExitStack() as stack:
            for app in self.app.parts():
                if app.lifespan is not None:
                    self._opened[app] = await stack.enter_async_context(app.lifespan())
            entered.set_result(None)
            await self._leave.wait()

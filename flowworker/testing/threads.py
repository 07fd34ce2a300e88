"""Threads for plain functions: one for each call, so that none is left over."""

from __future__ import annotations

__all__ = ["Threads"]

from concurrent.futures import Executor, Future
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Threads(Executor):
    """Calls functions in threads, of which somebody knows."""

    def __init__(self, begin: Callable[[Thread], None], end: Callable[[Thread], None]) -> None:
        """Call `begin` before a thread starts, and `end` in it, last of all."""
        self._begin = begin
        self._end = end

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call it in a thread of its own."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # as executors do it
                future.set_exception(error)
            self._end(thread)  # when those who wait for the future have been called

        thread = Thread(target=work, name="flowworker-test", daemon=True)
        self._begin(thread)
        thread.start()
        return future

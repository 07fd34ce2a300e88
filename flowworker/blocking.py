"""A client for code without an event loop: Flask, Django, scripts, threads.

One thread with one event loop and one connection serves all threads of a process.
"""

from __future__ import annotations

__all__ = ["BlockingClient"]

import asyncio
import atexit
import os
import threading
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import WeakSet

from flowworker.errors import Unavailable
from flowworker.wiring import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from flowworker.client import Client, RunResult, RunSummary, RunView
    from flowworker.core.model import Workflow
    from flowworker.core.status import HumanAction, Priority, RunStatus
    from flowworker.jetstream import ConnectionOptions

T = TypeVar("T")

History = list[dict[str, Any]]


class BlockingClient:
    """`Client` with methods that return when they are done. It may serve any number of threads.

    It connects when it is first used, in the process that uses it: one that stands at the top of a
    module costs nothing, and serves each process of a server that forks. It is closed by `close`,
    as a context, or when the process ends.

    ```python
    fleet = BlockingClient("nats://127.0.0.1:4222")


    def order(order_id: int) -> str:
        return fleet.start("order.fulfil", {"order_id": order_id})
    ```

    Every method takes and raises what that of `Client` does, and what `connect` raises.
    """

    def __init__(self, url: str | ConnectionOptions | None = None, **options: Any) -> None:
        """Take what `flowworker.connect` takes; nothing happens yet."""
        self._url = url
        self._options = options
        self._closed = False
        self._lock = threading.Lock()
        self._thread: _Thread | None = None
        _ALL.add(self)

    # Definitions

    def register(self, workflow: Workflow) -> str:
        """As `Client.register`."""
        return self._call(lambda client: client.register(workflow))

    def register_all(self, workflows: Iterable[Workflow]) -> list[str]:
        """As `Client.register_all`."""
        return self._call(lambda client: client.register_all(workflows))

    def definition(self, workflow: str) -> Workflow:
        """As `Client.definition`."""
        return self._call(lambda client: client.definition(workflow))

    def definitions(self) -> list[str]:
        """As `Client.definitions`."""
        return self._call(lambda client: client.definitions())

    # Runs

    def start(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        priority: Priority | str | None = None,
    ) -> str:
        """As `Client.start`."""
        return self._call(
            lambda client: client.start(workflow, input, run_id=run_id, priority=priority)
        )

    def result(self, run_id: str, timeout: float | None = None) -> RunResult:
        """As `Client.result`."""
        return self._call(lambda client: client.result(run_id, timeout))

    def run(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        priority: Priority | str | None = None,
        timeout: float | None = None,
    ) -> RunResult:
        """As `Client.run`."""
        return self._call(
            lambda client: client.run(
                workflow, input, run_id=run_id, priority=priority, timeout=timeout
            )
        )

    def status(self, run_id: str) -> RunView:
        """As `Client.status`."""
        return self._call(lambda client: client.status(run_id))

    def list(
        self, status: RunStatus | None = None, workflow: str | None = None, limit: int = 100
    ) -> list[RunSummary]:
        """As `Client.list`."""
        return self._call(lambda client: client.list(status, workflow, limit))

    def history(self, run_id: str) -> History:
        """As `Client.history`."""
        return self._call(lambda client: client.history(run_id))

    # Control

    def cancel(self, run_id: str, reason: str = "") -> None:
        """As `Client.cancel`."""
        self._call(lambda client: client.cancel(run_id, reason))

    def terminate(self, run_id: str, reason: str = "") -> None:
        """As `Client.terminate`."""
        self._call(lambda client: client.terminate(run_id, reason))

    def resume(
        self, run_id: str, action: HumanAction | str, step: str = "", output: Any = None
    ) -> None:
        """As `Client.resume`."""
        self._call(lambda client: client.resume(run_id, action, step, output))

    # Its life

    def close(self) -> None:
        """Disconnect. What still waits, and whoever calls later, gets Unavailable."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
            if thread is not None:
                thread.end()
        if thread is not None:
            thread.join()
            atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, method: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """What a method of the client returns or raises; given up if the caller is interrupted."""
        with self._lock:  # nobody closes meanwhile, or what is begun here would never end
            if self._closed:
                raise Unavailable("this client is closed")
            if self._thread is None:
                self._thread = _Thread(self._url, self._options)
                atexit.register(self.close)
            future = self._thread.begin(method)
        try:
            return future.result()
        except CancelledError:
            raise Unavailable("this client was closed meanwhile") from None
        except BaseException:
            future.cancel()
            raise

    def _forget(self) -> None:
        """In a process that was forked: its parent's thread and connection are not there.

        They are kept and left alone, since their sockets are the parent's, too.
        """
        self._lock = threading.Lock()
        if self._thread is not None:
            _OF_PARENTS.append(self._thread)
            self._thread = None


class _Thread:
    """An event loop in a thread of its own, with a client on it."""

    def __init__(self, url: str | ConnectionOptions | None, options: dict[str, Any]) -> None:
        """Connect, or raise why not."""
        self._loop = asyncio.new_event_loop()
        self._opened: Future[Client] = Future()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(url, options), name="flowworker-client", daemon=True
        )
        self._thread.start()
        try:
            self._client = self._opened.result()
        except BaseException:
            self.end()
            raise

    def _run(self, url: str | ConnectionOptions | None, options: dict[str, Any]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live(url, options))

    async def _live(self, url: str | ConnectionOptions | None, options: dict[str, Any]) -> None:
        try:
            async with connect(url, **options) as client:
                self._opened.set_result(client)
                await self._ending.wait()
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    def begin(self, method: Callable[[Client], Coroutine[Any, Any, T]]) -> Future[T]:
        """Call a method of the client there; cancelled when the thread ends."""
        return asyncio.run_coroutine_threadsafe(method(self._client), self._loop)

    def end(self) -> None:
        """Disconnect, soon."""
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._ending.set)

    def join(self) -> None:
        """Wait until it has."""
        self._thread.join()


_ALL: WeakSet[BlockingClient] = WeakSet()
_OF_PARENTS: list[_Thread] = []


def _after_fork() -> None:
    for client in tuple(_ALL):
        client._forget()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)

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
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeAlias, TypeVar
from weakref import WeakSet

from flowworker.client import Client
from flowworker.errors import Unavailable
from flowworker.wiring import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from flowworker.acts import Act, Acted
    from flowworker.jetstream import ConnectionOptions

T = TypeVar("T")
P = ParamSpec("P")
ActedOnAll: TypeAlias = "list[Acted]"


def _blocking(
    method: Callable[Concatenate[Client, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[BlockingClient, P], T]:
    """The same method for callers without an event loop: it returns when it is done."""

    @wraps(method)
    def call(self: BlockingClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._call(lambda client: method(client, *args, **kwargs))

    return call


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

    register = _blocking(Client.register)
    register_all = _blocking(Client.register_all)
    definition = _blocking(Client.definition)
    definitions = _blocking(Client.definitions)

    # Processes

    workers = _blocking(Client.workers)
    coordinators = _blocking(Client.coordinators)

    # Runs

    start = _blocking(Client.start)
    result = _blocking(Client.result)
    run = _blocking(Client.run)
    plan_rerun = _blocking(Client.plan_rerun)
    rerun = _blocking(Client.rerun)
    retry = _blocking(Client.retry)
    status = _blocking(Client.status)
    why = _blocking(Client.why)
    step = _blocking(Client.step)
    input_of = _blocking(Client.input_of)
    output_of = _blocking(Client.output_of)
    list = _blocking(Client.list)
    find = _blocking(Client.find)
    history = _blocking(Client.history)
    redacted = _blocking(Client.redacted)

    # Control

    cancel = _blocking(Client.cancel)
    terminate = _blocking(Client.terminate)
    pause = _blocking(Client.pause)
    unpause = _blocking(Client.unpause)
    resume = _blocking(Client.resume)
    approve = _blocking(Client.approve)
    reject = _blocking(Client.reject)
    signal = _blocking(Client.signal)

    def act_on(
        self,
        runs: Iterable[str],
        act: Act,
        *,
        rate: float | None = None,
        dry_run: bool = False,
    ) -> ActedOnAll:
        """What became of each run, once that is known of all of them; else as `Client.act_on`."""

        async def act_on_all(client: Client) -> ActedOnAll:
            return [one async for one in client.act_on(runs, act, rate=rate, dry_run=dry_run)]

        return self._call(act_on_all)

    # Queues and workflows

    pause_queue = _blocking(Client.pause_queue)
    unpause_queue = _blocking(Client.unpause_queue)
    paused_queues = _blocking(Client.paused_queues)
    pause_workflow = _blocking(Client.pause_workflow)
    unpause_workflow = _blocking(Client.unpause_workflow)
    paused_workflows = _blocking(Client.paused_workflows)

    # Schedules

    schedules = _blocking(Client.schedules)
    schedule = _blocking(Client.schedule)
    create_schedule = _blocking(Client.create_schedule)
    pause_schedule = _blocking(Client.pause_schedule)
    unpause_schedule = _blocking(Client.unpause_schedule)
    trigger_schedule = _blocking(Client.trigger_schedule)
    backfill_schedule = _blocking(Client.backfill_schedule)
    delete_schedule = _blocking(Client.delete_schedule)

    # Limits

    limits = _blocking(Client.limits)
    limit = _blocking(Client.limit)
    limit_waiting = _blocking(Client.limit_waiting)
    set_limit = _blocking(Client.set_limit)
    delete_limit = _blocking(Client.delete_limit)

    # Its life

    def close(self) -> None:
        """Disconnect. Calls that wait, and later ones, raise Unavailable."""
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
        """What a method of `Client` returns or raises; cancelled if the caller is interrupted."""
        with self._lock:  # not closed meanwhile, or what is begun here would never end
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

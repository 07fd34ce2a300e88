"""The worker processes of `dev`: each loads the user's code, reports that, and gets its queues.

Both go over a pipe. A worker ends by SIGTERM, or with its parent. To wait for one is to look
whether it is alive: a process that a handler forked may keep its end of the pipe open.
"""

from __future__ import annotations

__all__ = ["Crew", "Loaded"]

import asyncio
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING

from flowworker.cli.apps import load_apps, user_files
from flowworker.cli.errors import INVALID, report, say
from flowworker.cli.fleet import run_worker
from flowworker.cli.leaving import end_soon
from flowworker.cli.serving import PARTING, leave_handlers_behind, run_process
from flowworker.errors import InvalidInput
from flowworker.settings import settings_from

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from flowworker.cli.options import Target

_LOOK = 0.1
"""Seconds between looks at what a worker says and whether it lives."""

_PAUSE = 0.5
"""Seconds after which another worker takes the place of one that died."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a worker has loaded: handlers, and the files of the user's that they stand in."""

    handlers: frozenset[str]
    files: tuple[Path, ...]


class Crew:
    """Some workers, with the user's code as it was when they were started."""

    def __init__(self, target: Target, app_names: tuple[str, ...], count: int) -> None:
        """Describe them; `load` or `work` starts them."""
        self._target = target
        self._app_names = app_names
        self._count = count
        self._workers: list[_Worker] = []
        self._draining = False

    async def load(self) -> Loaded:
        """Start them, and return when each has loaded the code.

        Raises:
            InvalidInput: the code cannot be loaded; says why.
        """
        self._start()
        loaded = [await self._loaded(worker) for worker in self._workers]
        return loaded[0]

    async def work(self, queues: tuple[str, ...]) -> None:
        """Let them take steps, with another one for each that dies, until they are drained.

        Raises:
            ExceptionGroup: of InvalidInput: the code cannot be loaded, or its lifespan be entered.
        """
        if not self._workers:
            self._start()
        async with asyncio.TaskGroup() as group:
            for place in range(self._count):
                group.create_task(self._keep(place, queues))

    async def drain(self) -> None:
        """End them in order, or at once those that are not over in time."""
        self._draining = True
        for worker in self._workers:
            worker.process.terminate()
        within = settings_from(os.environ).drain + 2 * PARTING
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await asyncio.gather(*(worker.ended() for worker in self._workers))
        for worker in self._workers:
            worker.process.kill()

    async def _loaded(self, worker: _Worker) -> Loaded:
        loaded = await worker.load()
        if loaded is None:
            raise InvalidInput(f"a worker ended ({worker.exit_code}) while it loaded the app")
        return loaded

    def _start(self) -> None:
        self._workers = [self._worker() for _ in range(self._count)]

    def _worker(self) -> _Worker:
        return _Worker(self._target, self._app_names)

    async def _keep(self, place: int, queues: tuple[str, ...]) -> None:
        while not self._draining:
            worker = self._workers[place]
            if await worker.load():
                await worker.work(queues)
            if not self._draining:
                say(f"a worker ended ({worker.exit_code}); starting another")
                await asyncio.sleep(_PAUSE)
            if not self._draining:  # or the drain would miss it
                self._workers[place] = self._worker()


class _Worker:
    """One process.

    Attributes:
        loaded: what it has loaded, once it has said so.
    """

    def __init__(self, target: Target, app_names: tuple[str, ...]) -> None:
        """Start it."""
        self.loaded: Loaded | None = None
        context = get_context("spawn")
        self._pipe, its_end = context.Pipe()
        arguments = (target, app_names, its_end)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        # The terminal's Ctrl-C reaches children too, but the parent drains them. They inherit this.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.process.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        its_end.close()

    @property
    def exit_code(self) -> int | None:
        return self.process.exitcode

    async def ended(self) -> None:
        """Wait for its end."""
        while self.process.is_alive():  # noqa: ASYNC110  # there is nothing to wait on
            await asyncio.sleep(_LOOK)

    async def load(self) -> Loaded | None:
        """Wait until it has loaded the code; None if it ended before.

        Raises:
            InvalidInput: the code cannot be loaded; says why.
        """
        if self.loaded is None:
            self.loaded = await self._word()
        return self.loaded

    async def work(self, queues: tuple[str, ...]) -> None:
        """Let it take the steps of these queues, and return when it has ended.

        Raises:
            InvalidInput: it cannot begin; says why.
        """
        with suppress(OSError):  # it has ended
            self._pipe.send(queues)
        await self._word()

    async def _word(self) -> Loaded | None:
        """What it says next; None if it has ended."""
        while True:
            lives = self.process.is_alive()  # before the look at what it said last
            with suppress(EOFError, OSError):
                if self._pipe.poll():
                    word: Loaded | str = self._pipe.recv()
                    if isinstance(word, str):
                        raise InvalidInput(word)
                    return word
            if not lives:
                return None
            await asyncio.sleep(_LOOK)


def _work(target: Target, app_names: tuple[str, ...], pipe: Connection) -> None:
    """All that a worker process does; SIGTERM alone, which its parent sends, ends it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Bytecode counts as current if its file has the same size and second: a file that is saved
    # twice within a second can be loaded as the older one.
    sys.dont_write_bytecode = True
    try:
        app = load_apps(app_names)
        for handler in app.handlers.values():
            handler.resolve()
        try:
            pipe.send(Loaded(frozenset(app.handlers), user_files()))
            queues = pipe.recv()
        except (EOFError, OSError):  # the parent is gone
            return
        settings = settings_from(os.environ)
        main = run_worker(target, app, settings, queues, signals=(signal.SIGTERM,))
        left = run_process(main, "info", json=False)
    except InvalidInput as error:
        with suppress(OSError):
            pipe.send(str(error))
        code = INVALID
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        code = report(error)
    else:
        leave_handlers_behind(left=left)
        return
    end_soon(code)
    sys.exit(code)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

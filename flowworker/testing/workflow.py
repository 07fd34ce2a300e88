"""`WorkflowTest`: workflows run within a test, and time passes as fast as the test goes."""

from __future__ import annotations

__all__ = ["WorkflowTest"]

import asyncio
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any, Self, TypeVar

from flowworker.errors import InvalidInput
from flowworker.testing.app import TriedApp
from flowworker.testing.clock import EPOCH
from flowworker.testing.engine import Engine
from flowworker.testing.limits import checked_limits, limits_of, set_limits
from flowworker.testing.loop import JumpingLoop
from flowworker.testing.reading import handlers_of, read
from flowworker.testing.run import TriedRun

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from os import PathLike

    from flowworker.core.model import Workflow
    from flowworker.core.status import Priority
    from flowworker.handlers import App
    from flowworker.handlers.app import StepHandler
    from flowworker.settings import Settings
    from flowworker.testing.app import Call
    from flowworker.testing.replacing import Replacement

T = TypeVar("T")


class WorkflowTest:
    """Runs workflows in this process, with time that passes by itself when nothing else can happen.

    ```python
    with WorkflowTest(app, "order.yaml") as flow:
        flow.replace("payments.charge", fails(TimeoutError(), times=3))
        run = flow.run({"order_id": 7})
        assert run.completed
        assert run.step("charge").attempts == 4
    ```

    It is the engine of a fleet, on memory. Its methods are plain functions, for plain and for
    async tests: they return when what they are about has happened. Async handlers, and those that
    wait, run on an event loop of its own; plain ones in threads that end with them.
    """

    def __init__(
        self,
        app: App,
        *workflows: Workflow | str | PathLike[str],
        start: datetime | None = None,
        settings: Settings | None = None,
        limits: Mapping[str, int] | None = None,
        limit: float = 10.0,
    ) -> None:
        """Read the workflows; nothing runs before `with`.

        Args:
            app: the handlers.
            workflows: definitions, and files or folders of them.
            start: what time it is when the test begins; some day in 2023 if None.
            settings: of a fleet; leases are longer than any test.
            limits: how many steps may be at work at a time under limits with these names; under all
                others, as many as under any limit.
            limit: real seconds in which something has to come from outside that is waited for: from
                a handler's thread, or over a connection.

        Raises:
            DefinitionError: a definition is not usable; says every problem.
            InvalidInput: there is none, or no workflow names one of the limits.
        """
        if start is not None and start.tzinfo is None:
            raise InvalidInput(
                "start: expected a time with its zone, such as datetime(..., tzinfo=UTC)"
            )
        self._given = app
        self._workflows = read(workflows)
        self._epoch = EPOCH if start is None else start.timestamp()
        self._settings = settings
        self._limits = checked_limits(limits or {}, limits_of(self._workflows.values()))
        self._limit = limit
        self._runs = 0
        self._loop: JumpingLoop | None = None
        self._engine: Engine | None = None

    def __enter__(self) -> Self:
        """Start the engine: open the App's lifespan."""
        self._loop = JumpingLoop(self._limit)
        try:
            app = TriedApp(self._given, self._loop)
            self._engine = engine = Engine(self._loop, app, self._epoch, self._settings)
            self._drive(set_limits(engine.stores.limits, self._limits))
            self._drive(engine.start())
            # Its schedules would begin runs of which the test knows nothing.
            self._drive(engine.stores.definitions.register_all(self._workflows.values()))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what runs, and close what was opened."""
        engine = self._running
        try:
            self._drive(engine.stop())
        finally:
            self._close()

    def replace(self, handler: str, by: StepHandler | Replacement) -> None:
        """Have something else called instead of a handler, from the next call on.

        Args:
            handler: its name, as in `uses`; it need not exist.
            by: a function like any handler, or what `returns`, `fails` and `hangs` make.

        Raises:
            InvalidInput: no workflow uses it, or the function cannot be a handler.
        """
        used = {name for each in self._workflows.values() for name in handlers_of(each)}
        self._running.app.replace(handler, by, used)

    def run(
        self,
        input: Any = None,
        *,
        workflow: str = "",
        run_id: str = "",
        priority: Priority | str | None = None,
        at: datetime | str | None = None,
        delay: float | str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> TriedRun:
        """Start a run, and let time pass until it rests: it has ended, or waits for somebody.

        Args:
            input: its input, as for `Client.start`.
            workflow: which one, if there are several.
            run_id: its id; `run-1`, `run-2` and so on if empty.
            priority: lane of its steps.
            at: when it begins, as for `Client.start`.
            delay: instead: after how long.
            labels: names and values that it has beside those of its definition.

        Raises:
            InvalidInput: the start was rejected, or a handler does not exist.
            Standstill: it never comes to rest.
        """
        return self.start(
            input,
            workflow=workflow,
            run_id=run_id,
            priority=priority,
            at=at,
            delay=delay,
            labels=labels,
        ).wait()

    def start(
        self,
        input: Any = None,
        *,
        workflow: str = "",
        run_id: str = "",
        priority: Priority | str | None = None,
        at: datetime | str | None = None,
        delay: float | str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> TriedRun:
        """Start a run, and let no time pass: for several at once, or to look at it on its way."""
        engine = self._running
        definition = self._one(workflow)
        known = engine.app.handlers
        if missing := sorted(handlers_of(definition) - known.keys()):
            raise InvalidInput(
                f"no handler for {', '.join(missing)}: register it in the App, or "
                f"replace({missing[0]!r}, ...) it"
            )
        self._runs += 1
        run = run_id or f"run-{self._runs}"
        starting = engine.client.start(
            definition.name,
            input,
            run_id=run,
            priority=priority,
            at=at,
            delay=delay,
            labels=labels,
        )
        self._drive(starting)
        self._drive(engine.settle())
        return TriedRun(run, engine, self._drive)

    def advance(self, duration: timedelta) -> None:
        """Let that much time pass, and all happen that happens meanwhile.

        Raises:
            InvalidInput: time goes on, and not back.
        """
        if duration < timedelta():
            raise InvalidInput(f"advance: expected a time to pass, found {duration}")
        self._drive(self._running.advance(duration.total_seconds()))

    @property
    def elapsed(self) -> timedelta:
        """How much time has passed since the test began, to the millisecond."""
        return timedelta(seconds=round(self._running.clock.monotonic(), 3))

    @property
    def now(self) -> datetime:
        """What time it is."""
        return datetime.fromtimestamp(self._epoch, UTC) + self.elapsed

    def calls(self, handler: str = "") -> list[Call]:
        """Calls of handlers, or of that one, in their order."""
        calls = self._running.app.calls
        return [call for call in calls if handler in {"", call.handler}]

    # -- inside ----------------------------------------------------------------------------

    @property
    def _running(self) -> Engine:
        if self._engine is None:
            raise InvalidInput("a WorkflowTest runs within `with WorkflowTest(...) as flow:`")
        return self._engine

    def _one(self, name: str) -> Workflow:
        known = ", ".join(self._workflows)
        if not name and len(self._workflows) > 1:
            raise InvalidInput(f"which workflow? expected workflow= one of {known}")
        if name and name not in self._workflows:
            raise InvalidInput(f"workflow {name!r} is not part of this test; it has {known}")
        return self._workflows[name] if name else next(iter(self._workflows.values()))

    def _drive(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the loop until that is done; in a thread, if a loop runs here."""
        loop = self._loop
        if loop is None:
            work.close()
            raise InvalidInput("this WorkflowTest has ended")
        if loop.is_running():
            work.close()
            raise InvalidInput("a WorkflowTest is driven by the test, not by its handlers")
        if not _is_loop_running():
            return loop.run_until_complete(work)
        found: list[T] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                found.append(loop.run_until_complete(work))
            except BaseException as error:  # noqa: BLE001  # it belongs to the test
                failed.append(error)

        thread = Thread(target=copy_context().run, args=(run,), name="flowworker-test")
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return found[0]

    def _close(self) -> None:
        """End the loop, with all that is left on it."""
        loop = self._loop
        if loop is None:
            return
        try:
            self._drive(_clear(loop))
        finally:
            self._loop = self._engine = None
            left = loop.left()
            loop.close()
            for thread in left:  # they are about to end
                thread.join(self._limit)


async def _clear(loop: JumpingLoop) -> None:
    """Cancel the tasks that are left over, and end its generators."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await loop.shutdown_asyncgens()


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

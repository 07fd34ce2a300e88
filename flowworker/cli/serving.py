"""What the long-running processes share: the event loop, signals, logs, health.

The first SIGTERM or SIGINT asks a process to drain: it takes nothing new, finishes what is in
flight and ends. The second one ends it at once; other processes take over its attempts and
partitions when the leases run out.
"""

from __future__ import annotations

__all__ = [
    "PARTING",
    "STARTUP_WAIT",
    "HttpAddress",
    "Process",
    "leave_handlers_behind",
    "process_options",
    "run_process",
    "until_signal",
]

import asyncio
import functools
import gc
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flowworker.cli.leaving import end_soon, leave
from flowworker.cli.signals import EndSignals
from flowworker.cli.terminal import is_colored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

STARTUP_WAIT = 10.0
"""Seconds that a process which starts before its server waits for it."""

PARTING = 4.5
"""Seconds on top of its drain after which a worker that was asked to end is ended."""

_LAST_CHANCE = 0.5
"""Seconds for handlers to return after everything else has ended."""


class Process(click.Command):
    """A command that goes on; where its stderr is no terminal, all that comes there is JSON."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Log from the first mistake on the command line on."""
        if not sys.stderr.isatty():
            from flowworker.telemetry.log import configure_logging, log_everything

            configure_logging(json=True)
            log_everything()
        return super().make_context(*args, **options)


class _Port(click.IntRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and "://" in value:
            self.fail(
                f"{value!r} is what Kubernetes says of a service called flowworker-http, and no "
                "port; give the service another name, or the pod enableServiceLinks: false",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


class HttpAddress(NamedTuple):
    """Where a process answers probes and scrapers; nowhere without a port."""

    host: str = "127.0.0.1"
    port: int | None = None


def process_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of long-running processes: `log_level`, and `http` for two."""

    @functools.wraps(command)
    def wrapped(*args: Any, http_host: str, http_port: int | None, **kwargs: Any) -> Any:
        return command(*args, http=HttpAddress(http_host, http_port), **kwargs)

    decorated: Callable[..., Any] = wrapped
    for option in (
        click.option(
            "--log-level",
            type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
            default="info",
            show_default=True,
            envvar="FLOWWORKER_LOG_LEVEL",
            show_envvar=True,
            help="The lowest level that is logged, on stderr.",
        ),
        click.option(
            "--http-port",
            type=_Port(1, 65535),
            envvar="FLOWWORKER_HTTP_PORT",
            show_envvar=True,
            help="Serve /healthz, /readyz and /metrics (Prometheus) on this port.",
        ),
        click.option(
            "--http-host",
            default=HttpAddress().host,
            show_default=True,
            envvar="FLOWWORKER_HTTP_HOST",
            show_envvar=True,
            help="The interface for that: `0.0.0.0` or `::` for all.",
        ),
    ):
        decorated = option(decorated)
    return decorated


def run_process(main: Coroutine[Any, Any, None], log_level: str, *, json: bool = True) -> bool:
    """Run the coroutine to its end; whether something goes on that only the process' end ends.

    Args:
        main: all that the process does.
        log_level: the lowest level that is logged.
        json: log JSON unless to a terminal.
    """
    from flowworker.telemetry.log import configure_logging, log_everything

    json = json and not sys.stderr.isatty()
    configure_logging(json=json, level=log_level, colors=is_colored(sys.stderr))
    log_everything()
    # Tens of thousands of runs in memory are not garbage, and looking through them again and
    # again takes a third of the processor. Cycles are rare here; they can wait.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    if sys.platform == "win32":
        return _run(asyncio.new_event_loop(), main)
    import uvloop

    return _run(uvloop.new_event_loop(), main)


def _run(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, None]) -> bool:
    asyncio.set_event_loop(loop)
    task = loop.create_task(main)
    try:
        while not task.done():
            try:
                loop.run_until_complete(task)
            except (KeyboardInterrupt, SystemExit) as error:
                # Raised in a task that a handler started; or a real Ctrl-C, if the signal still
                # has Python's own handler.
                if task.done() or signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                    raise
                _log_strayed(error)
            except RuntimeError as error:
                # A handler stopped the loop, which is not its own. What `main` raises ends it.
                if task.done() or loop.is_closed():
                    raise
                _log_strayed(error)
    finally:
        left = loop.run_until_complete(_tidied())
        if not left:
            loop.close()
    return left


def _log_strayed(error: BaseException) -> None:
    from flowworker.telemetry.log import get_logger

    get_logger().error("a task did what would end a process; it goes on", exc_info=error)


async def _tidied() -> bool:
    """Cancel what still runs on the loop; whether something goes on nevertheless."""
    loop = asyncio.get_running_loop()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        _, left = await asyncio.wait(left, timeout=_LAST_CHANCE)
    closing = {loop.create_task(loop.shutdown_default_executor())}
    if not left:  # or one might be in a generator, which cannot be closed then
        closing.add(loop.create_task(loop.shutdown_asyncgens()))
    _, unfinished = await asyncio.wait(closing, timeout=_LAST_CHANCE)
    return bool(left or unfinished)


def leave_handlers_behind(*, left: bool) -> None:
    """The last thing that a process with a worker does, if `left` says that something goes on.

    The drain has waited for handlers and nothing can stop them, but Python would wait for ever.
    """
    from flowworker.worker.worker import HANDLER_THREADS

    handlers = [one for one in threading.enumerate() if one.name.startswith(HANDLER_THREADS)]
    for one in handlers:
        one.join(_LAST_CHANCE / len(handlers))
    if left or any(one.is_alive() for one in handlers):
        leave(0)
    end_soon(0)


async def until_signal(
    run: Callable[[], Coroutine[Any, Any, object]],
    drain: Callable[[], Awaitable[object]] | None = None,
    signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM),
    *,
    within: float | None = None,
    last: Callable[[], object] | None = None,
) -> None:
    """Run until a signal comes, drain, and cancel what still runs.

    Args:
        run: does the work; what it raises ends the process.
        drain: finishes what is in flight; None if `run` does so when it is cancelled.
        signals: those that ask for the end.
        within: seconds from the first one on after which the process ends in any case.
        last: called when all is over, also before the process ends at once; takes a second at most.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    received = EndSignals(signals, lambda: loop.call_soon_threadsafe(asked.set), within, last)
    work = asyncio.create_task(run())
    waiting = asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if drain is not None and not work.done():
            await drain()
    finally:
        waiting.cancel()
        work.cancel()
        results = await asyncio.gather(work, return_exceptions=True)
        if last is not None:
            last()
        if not received.asked:
            received.forget()
    for error in results:
        if isinstance(error, Exception):
            raise error

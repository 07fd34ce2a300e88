"""What the long-running processes share: the event loop, signals, logs, health.

The first SIGTERM or SIGINT asks a process to end in order: it takes nothing new, finishes what is
in hand and lets go. The second one ends it at once; whatever it had in hand is taken over by
others when its leases run out.
"""

from __future__ import annotations

__all__ = [
    "STARTUP_WAIT",
    "leave_handlers_behind",
    "process_options",
    "run_process",
    "until_signal",
]

import asyncio
import gc
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

STARTUP_WAIT = 10.0
"""Seconds that a process which starts before its server waits for it."""

_LAST_CHANCE = 0.5
"""Seconds for a plain function to return after everything else has ended."""


def process_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of long-running processes."""
    for option in (
        click.option(
            "--log-level",
            type=click.Choice(["debug", "info", "warning", "error"]),
            default="info",
            show_default=True,
            envvar="FLOWWORKER_LOG_LEVEL",
            show_envvar=True,
            help="The lowest level that is logged, on stderr.",
        ),
        click.option(
            "--http-port",
            type=click.IntRange(1, 65535),
            envvar="FLOWWORKER_HTTP_PORT",
            show_envvar=True,
            help="Serve /healthz, /readyz and /metrics (Prometheus) on this port.",
        ),
    ):
        command = option(command)
    return command


def run_process(main: Coroutine[Any, Any, None], log_level: str, *, json: bool = True) -> None:
    """Run the coroutine to its end, with uvloop where there is one.

    Args:
        main: all that the process does.
        log_level: the lowest level that is logged.
        json: log JSON unless to a terminal.
    """
    from flowworker.telemetry.log import configure_logging, log_everything

    terminal = sys.stderr.isatty()
    configure_logging(json=json and not terminal, level=log_level, colors=terminal)
    log_everything()
    # Tens of thousands of runs in memory are not garbage, and looking through them again and
    # again takes a third of the processor. Cycles are rare here; they can wait.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    if sys.platform == "win32":
        asyncio.run(main)
    else:
        import uvloop

        uvloop.run(main)


def leave_handlers_behind() -> None:
    """The last thing that a process with a worker does: plain functions do not keep it alive.

    The drain has waited for them and nothing can stop them, but Python would wait for ever.
    """
    from flowworker.worker.shift import HANDLER_THREADS

    handlers = [one for one in threading.enumerate() if one.name.startswith(HANDLER_THREADS)]
    for one in handlers:
        one.join(_LAST_CHANCE / len(handlers))
    if any(one.is_alive() for one in handlers):
        click.echo("handlers that did not return are left behind", err=True)
        sys.stdout.flush()
        os._exit(0)


async def until_signal(
    run: Callable[[], Coroutine[Any, Any, object]],
    drain: Callable[[], Awaitable[object]] | None = None,
    signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM),
) -> None:
    """Run until a signal comes, drain, and cancel what still runs.

    Args:
        run: does the work; what it raises ends the process.
        drain: finishes what is in hand; None if `run` does so when it is cancelled.
        signals: those that ask for the end.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if asked.is_set():
            click.echo("stopping at once", err=True)
            os._exit(128 + number)
        asked.set()

    for number in signals:
        loop.add_signal_handler(number, on_signal, number)
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
    for error in results:
        if isinstance(error, Exception):
            raise error

"""`coordinator` and `worker`: the two processes of a fleet."""

from __future__ import annotations

__all__ = ["coordinator", "run_worker", "worker"]

import os
import signal
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from flowworker.cli.apps import app_option, load_apps
from flowworker.cli.errors import say
from flowworker.cli.options import Target, check_queues, connection, queue_option
from flowworker.cli.serving import (
    PARTING,
    STARTUP_WAIT,
    HttpAddress,
    Process,
    leave_handlers_behind,
    process_options,
    run_process,
    until_signal,
)
from flowworker.cli.tables import plain
from flowworker.settings import Settings, settings_from

if TYPE_CHECKING:
    from flowworker.handlers import App
    from flowworker.worker import Worker


@click.command(cls=Process)
@connection
@process_options
def coordinator(target: Target, http: HttpAddress, log_level: str) -> None:
    """Take starts in and drive runs; start as many as you like.

    SIGTERM or Ctrl-C: give the partitions up and end. Twice: end at once.
    """
    run_process(_coordinate(target, http), log_level)


async def _coordinate(target: Target, http: HttpAddress) -> None:
    from flowworker import wiring
    from flowworker.cli.health import serve_health
    from flowworker.cli.metrics import measuring, metrics_of
    from flowworker.clock import SystemClock
    from flowworker.presence import present
    from flowworker.stores.measured import measured
    from flowworker.stores.stores import stores_of
    from flowworker.telemetry.exporting import process_tracing

    settings = settings_from(os.environ)
    registry, metrics = metrics_of("coordinator", settings)
    tracing = process_tracing(os.environ, target.namespace, "flowworker-coordinator")
    options = target.options("flowworker-coordinator", STARTUP_WAIT)
    how: dict[str, Any] = {"settings": settings, "member": True}
    async with wiring.nats(options, target.namespace, **how) as backend:
        stores = stores_of(measured(backend, metrics), settings)
        made = wiring.make_coordinator(stores, metrics, tracing=tracing)
        with serve_health(http, registry, backend.alive, lambda: made.ready):
            async with (
                measuring(backend, lambda: made.partitions, metrics, http),
                present(backend.presences, SystemClock(), made),
            ):
                await until_signal(made.run, within=settings.partition_lease, last=tracing.flush)


@click.command(cls=Process)
@app_option
@queue_option
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    envvar="FLOWWORKER_CONCURRENCY",
    show_envvar=True,
    help=f"Handlers that run at a time; {Settings().concurrency} if not given.",
)
@connection
@process_options
def worker(
    target: Target,
    app_names: tuple[str, ...],
    queues: tuple[str, ...],
    concurrency: int | None,
    http: HttpAddress,
    log_level: str,
) -> None:
    """Run the handlers of an App; start as many as you like.

    SIGTERM or Ctrl-C: take nothing new, finish what runs, end. Twice: end at once.
    """
    check_queues(queues)
    app = load_apps(app_names)
    settings = settings_from(os.environ)
    if concurrency is not None:
        settings = replace(settings, concurrency=concurrency)
    left = run_process(run_worker(target, app, settings, queues, http), log_level)
    leave_handlers_behind(left=left)


async def run_worker(
    target: Target,
    app: App,
    settings: Settings,
    queues: tuple[str, ...],
    http: HttpAddress = HttpAddress(),  # noqa: B008 - immutable
    signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM),
) -> None:
    """Be a worker until a signal comes."""
    from flowworker import wiring
    from flowworker.cli.health import serve_health
    from flowworker.cli.metrics import metrics_of
    from flowworker.clock import SystemClock
    from flowworker.presence import present
    from flowworker.stores.measured import measured
    from flowworker.stores.stores import stores_of
    from flowworker.telemetry.exporting import process_tracing

    registry, metrics = metrics_of("worker", settings)
    tracing = process_tracing(os.environ, target.namespace, "flowworker-worker")
    options = target.options("flowworker-worker", STARTUP_WAIT)
    how: dict[str, Any] = {"settings": settings, "member": True, "direct": True}
    async with wiring.nats(options, target.namespace, **how) as backend:
        stores = stores_of(measured(backend, metrics), settings)
        made = wiring.make_worker(stores, app, metrics, queues, tracing=tracing)

        def ready() -> bool:
            return made.running and backend.ready()

        with serve_health(http, registry, backend.alive, ready):
            _introduce(made, target, options.url)
            within, last = settings.drain + PARTING, tracing.flush
            async with present(backend.presences, SystemClock(), made):
                await until_signal(made.run, made.drain, signals, within=within, last=last)


def _introduce(worker: Worker, target: Target, url: str) -> None:
    """Say what a worker serves: lines for people, or one for programs."""
    from flowworker.jetstream.client.options import redacted
    from flowworker.telemetry.log import get_logger, is_json

    handlers = sorted(worker.resources.app.handlers)
    slots, server = worker.resources.settings.concurrency, redacted(url)
    if is_json():
        get_logger().info(
            "a worker starts",
            worker=worker.id,
            namespace=target.namespace,
            server=server,
            queues=list(worker.queues),
            handlers=handlers,
            slots=slots,
        )
        return
    say(f"worker {worker.id} of namespace {target.namespace} at {server}")
    for title, text in (
        ("queues", ", ".join(worker.queues)),
        ("slots", str(slots)),
        ("handlers", ", ".join(handlers) or "none: it can execute nothing"),
    ):
        say(f"  {title:<9}{plain(text)}")

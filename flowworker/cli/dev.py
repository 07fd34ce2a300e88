"""`dev`: a nats-server, a coordinator and workers in one, for development."""

from __future__ import annotations

__all__ = ["dev"]

import asyncio
import os
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.apps import app_option, load_apps
from flowworker.cli.crew import Crew
from flowworker.cli.dashboard import USUAL_PORT, place_for
from flowworker.cli.errors import say
from flowworker.cli.inviting import invite
from flowworker.cli.options import Target
from flowworker.cli.reload import Reloader
from flowworker.cli.server import DEFAULT_PORT, check_port, is_durable, server_options
from flowworker.cli.serving import PARTING, leave_handlers_behind, run_process, until_signal
from flowworker.cli.tables import plain
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.environment import NAMESPACE
from flowworker.errors import InvalidInput, ServerUnavailable
from flowworker.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator

    from flowworker.cli.dashboard import Dashboard, Place
    from flowworker.client import Client
    from flowworker.core.model import Workflow
    from flowworker.embedded import EmbeddedServer
    from flowworker.handlers import App
    from flowworker.ports import Backend
    from flowworker.presence import Member
    from flowworker.settings import Settings
    from flowworker.telemetry.metrics import Metrics

_LOOK = 0.5
"""Seconds between looks at whether the server still runs."""

_LAST = 1.0
"""Seconds to wait for the end of a server: its connections are closed before it is gone."""


@click.command()
@app_option
@click.option(
    "--workflows",
    type=click.Path(exists=True),
    help="Definitions to register, a file or a folder; ./workflows if there is one.",
)
@server_options
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Worker processes; a single one shares this process, unless it is reloaded.",
)
@click.option(
    "--reload",
    is_flag=True,
    help="Load the App and the definitions anew when a file of them changes.",
)
@click.option("--ui/--no-ui", default=True, help="Whether to serve the dashboard.")
@click.option(
    "--ui-port",
    type=click.IntRange(0, 65535),
    help=f"Its port, 0 for a free one; {USUAL_PORT} if not given.",
)
def dev(
    app_names: tuple[str, ...],
    workflows: str | None,
    port: int | None,
    store: Path | None,
    workers: int,
    *,
    reload: bool,
    ui: bool,
    ui_port: int | None,
) -> None:
    """Run a whole fleet on this machine: server, coordinator, workers, dashboard.

    Ctrl-C drains and ends it; twice ends it at once.
    """
    from flowworker.embedded import EmbeddedServer

    if workflows is None and Path("workflows").is_dir():
        workflows = "workflows"
    # What is to be loaded anew is loaded by the workers, as this process could not forget it.
    app = None if reload else load_apps(app_names)
    definitions = [] if app is None else _load_definitions(workflows, app.handlers)
    place, where = place_for(ui_port) if ui else (None, "")
    with EmbeddedServer(port=_port(port), store=store, sync_always=is_durable(store)) as server:
        fleet = _Fleet(server, app_names, workflows, workers, place, where)
        with _as_long_as_it_runs(server):
            left = run_process(fleet.run(app, definitions), "info", json=False)
    leave_handlers_behind(left=left)


def _load_definitions(path: str | None, handlers: Collection[str]) -> list[Workflow]:
    from flowworker.definitions import load_paths

    found = [] if path is None else load_paths([path], handlers)
    return list({workflow.name: workflow for _, workflow in found}.values())


@contextmanager
def _as_long_as_it_runs(server: EmbeddedServer) -> Iterator[None]:
    """Raise ServerUnavailable if the server has ended, in place of what failed because of that.

    Also if nothing failed, since what should have been stored is not.
    """
    failure: Exception | None = None
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it is raised below, if it is the cause
        failure = error
    if _has_ended(server, 0.0 if failure is None else _LAST):
        raise ServerUnavailable(f"nats-server ended; see {server.log_path}") from failure
    if failure is not None:
        raise failure


def _has_ended(server: EmbeddedServer, within: float) -> bool:
    until = time.monotonic() + within
    while server.pid is not None:
        if time.monotonic() >= until:
            return False
        time.sleep(within / 20)
    return True


def _port(port: int | None) -> int:
    """The port that was asked for, or the usual one, or any if that is taken."""
    try:
        check_port(DEFAULT_PORT if port is None else port)
    except InvalidInput:
        if port is not None:
            raise
        return 0
    return DEFAULT_PORT if port is None else port


class _Fleet:
    """Everything but the server."""

    def __init__(
        self,
        server: EmbeddedServer,
        app_names: tuple[str, ...],
        workflows: str | None,
        workers: int,
        place: Place | None,
        where: str,
    ) -> None:
        self._server = server
        self._app_names = app_names
        self._workflows = workflows
        self._workers = workers
        self._place = place
        self._where = where
        self._target = Target(os.environ.get(NAMESPACE) or DEFAULT_NAMESPACE, {"url": server.url})
        self._invited = False

    async def run(self, app: App | None, definitions: list[Workflow]) -> None:
        """Run until a signal comes; without an App, load it and the definitions, now and anew."""
        from prometheus_client import CollectorRegistry

        from flowworker import wiring
        from flowworker.client import Client
        from flowworker.clock import SystemClock
        from flowworker.presence import present
        from flowworker.stores.stores import stores_of
        from flowworker.telemetry.exporting import process_tracing
        from flowworker.telemetry.metrics import Metrics

        settings = settings_from(os.environ)
        metrics = Metrics(CollectorRegistry())
        tracing = process_tracing(os.environ, self._target.namespace, "flowworker-dev")
        options = self._target.options("flowworker-dev")
        async with wiring.nats(
            options, self._target.namespace, settings=settings, member=True
        ) as backend:
            stores = stores_of(backend, settings)
            client = Client(stores)
            coordinator = wiring.make_coordinator(stores, metrics, tracing=tracing)
            members: list[Member] = [coordinator]
            # It takes a moment, so it is there when one reads of it.
            boards = self._boards(settings, metrics)
            if app is None:
                self._greet()
                reloader = Reloader(self._crew, partial(self._load, client), self._workflows)
                work, drain_work = reloader.run, reloader.drain
            else:
                await client.register_all(definitions)
                queues = _queues(definitions)
                if self._workers > 1:
                    crew = self._crew()
                    work, drain_work = partial(crew.work, queues), crew.drain
                else:
                    worker = wiring.make_worker(stores, app, metrics, queues, tracing=tracing)
                    work, drain_work = worker.run, worker.drain
                    members.append(worker)
                self._greet()
                self._invite(definitions)

            runs: list[Callable[[], Coroutine[Any, Any, None]]] = [
                *(coordinator.run, work, partial(self._watch_server, backend)),
                *(board.run for board in boards),
            ]
            # They are drained last, so that one sees how the others end.
            drains = (drain_work, *(board.drain for board in boards))
            async with present(backend.presences, SystemClock(), *members):
                await _until_signal(runs, drains, settings.drain + 2 * PARTING, tracing.flush)

    def _boards(self, settings: Settings, metrics: Metrics) -> list[Dashboard]:
        """One, or none."""
        place = self._place
        return [] if place is None else [place.dashboard(self._target, settings, metrics)]

    def _crew(self) -> Crew:
        return Crew(self._target, self._app_names, self._workers)

    async def _load(self, client: Client, handlers: Collection[str]) -> tuple[str, ...]:
        """Publish the definitions as they are now; the queues of their steps."""
        definitions = _load_definitions(self._workflows, handlers)
        await client.register_all(definitions)
        if not self._invited:
            self._invite(definitions)
        return _queues(definitions)

    def _greet(self) -> None:
        server = self._server
        click.echo(
            f"nats-server {server.version} at {server.url}, data in {plain(str(server.store))}"
        )
        plural = "" if self._workers == 1 else "s"
        click.echo(
            f"coordinator and {self._workers} worker{plural} for {', '.join(self._app_names)}"
        )
        if self._where:
            click.echo(f"dashboard {self._where}")

    def _invite(self, workflows: list[Workflow]) -> None:
        self._invited = True
        invite(workflows, self._server.url)

    async def _watch_server(self, backend: Backend) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            if self._server.pid is None:
                await backend.close()  # or all others would wait until it comes back
                raise ServerUnavailable(f"nats-server ended; see {self._server.log_path}")


async def _until_signal(
    runs: Iterable[Callable[[], Coroutine[Any, Any, None]]],
    drains: Iterable[Callable[[], Awaitable[None]]],
    within: float,
    last: Callable[[], object],
) -> None:
    """Run all of these until one fails or a signal comes; then drain."""

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for each in runs:
                group.create_task(each())

    async def stop() -> None:
        say("draining; Ctrl-C again stops at once")
        for drain in drains:
            await drain()

    await until_signal(run, stop, within=within, last=last)


def _queues(workflows: list[Workflow]) -> tuple[str, ...]:
    return tuple({"default"} | {step.queue for flow in workflows for step in flow.steps})

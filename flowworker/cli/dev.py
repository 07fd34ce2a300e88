"""`dev`: a nats-server, a coordinator and workers in one, for development."""

from __future__ import annotations

__all__ = ["dev"]

import asyncio
import os
import signal
import threading
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowworker.cli.apps import app_option, load_apps
from flowworker.cli.errors import say
from flowworker.cli.fleet import run_worker
from flowworker.cli.options import Target
from flowworker.cli.render import plain
from flowworker.cli.server import DEFAULT_PORT, check_port, server_options
from flowworker.cli.serving import PARTING, leave_handlers_behind, run_process, until_signal
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.errors import InvalidInput, ServerUnavailable
from flowworker.settings import NAMESPACE, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import SpawnProcess

    from flowworker.core.model import Workflow
    from flowworker.embedded import EmbeddedServer
    from flowworker.worker import App

_LOOK = 0.5
"""Seconds between looks at whether server and workers still run."""


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
    help="Worker processes; a single one shares this process.",
)
def dev(
    app_names: tuple[str, ...],
    workflows: str | None,
    port: int | None,
    store: Path | None,
    workers: int,
) -> None:
    """Run everything that a fleet needs on this machine: server, coordinator, workers.

    Ctrl-C drains and ends it; twice ends it at once.
    """
    from flowworker.definitions import load_paths
    from flowworker.embedded import EmbeddedServer

    app = load_apps(app_names)
    if workflows is None and Path("workflows").is_dir():
        workflows = "workflows"
    found = [] if workflows is None else load_paths([workflows], app.handlers)
    definitions = {workflow.name: workflow for _, workflow in found}
    with EmbeddedServer(port=_port(port), store=store) as server:
        fleet = _Fleet(server, app_names, app, list(definitions.values()), workers)
        with _as_long_as_it_runs(server):
            left = run_process(fleet.run(), "info", json=False)
    leave_handlers_behind(left=left)


@contextmanager
def _as_long_as_it_runs(server: EmbeddedServer) -> Iterator[None]:
    """Whatever fails first when the server has ended, the server's end is the cause."""
    try:
        yield
    except Exception as error:
        if server.pid is None:
            raise ServerUnavailable(f"nats-server ended; see {server.log_path}") from error
        raise


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
        app: App,
        workflows: list[Workflow],
        workers: int,
    ) -> None:
        self._server = server
        self._app_names = app_names
        self._app = app
        self._workflows = workflows
        self._workers = workers
        self._queues = tuple({"default"} | {s.queue for flow in workflows for s in flow.steps})
        self._target = Target(os.environ.get(NAMESPACE) or DEFAULT_NAMESPACE, {"url": server.url})
        self._children: list[SpawnProcess] = []

    async def run(self) -> None:
        from prometheus_client import CollectorRegistry

        from flowworker import wiring
        from flowworker.client import Client
        from flowworker.telemetry.metrics import Metrics

        settings = settings_from(os.environ)
        metrics = Metrics(CollectorRegistry())
        options = self._target.options("flowworker-dev")
        async with wiring.nats(options, self._target.namespace, settings=settings) as backend:
            client = Client(backend, settings)
            await client.register_all(self._workflows)
            coordinator = wiring.make_coordinator(backend, settings, metrics)
            if self._workers > 1:
                work, drain = self._keep_children, self._stop_children
            else:
                worker = wiring.make_worker(backend, self._app, settings, metrics, self._queues)
                work, drain = worker.run, worker.drain

            async def run() -> None:
                async with asyncio.TaskGroup() as group:
                    group.create_task(coordinator.run())
                    group.create_task(work())
                    group.create_task(self._watch_server())

            async def stop() -> None:
                say("draining; Ctrl-C again stops at once")
                await drain()

            self._greet()
            await until_signal(run, stop, within=settings.drain + 2 * PARTING)

    def _greet(self) -> None:
        server = self._server
        usual = f"nats://127.0.0.1:{DEFAULT_PORT}"
        where = "" if server.url == usual else f" --nats-url {server.url}"
        click.echo(
            f"nats-server {server.version} at {server.url}, data in {plain(str(server.store))}"
        )
        plural = "" if self._workers == 1 else "s"
        click.echo(
            f"coordinator and {self._workers} worker{plural} for {', '.join(self._app_names)}"
        )
        for workflow in self._workflows:
            click.echo(f"workflow {workflow.name} {workflow.version}".rstrip())
        name = self._workflows[0].name if self._workflows else "NAME"
        if not self._workflows:
            click.echo(f"no workflow is registered yet: flowworker register FILE{where}")
        example = _example(self._workflows[0]) if self._workflows else "{}"
        click.echo(f"start a run:   flowworker start {name} --input '{example}' --wait{where}")
        click.echo(f"watch events:  flowworker watch{where}")
        click.echo("Ctrl-C drains and ends")

    async def _watch_server(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            if self._server.pid is None:
                raise ServerUnavailable(f"nats-server ended; see {self._server.log_path}")

    async def _keep_children(self) -> None:
        """Start the workers, and another one for each that dies."""
        self._children = [self._child() for _ in range(self._workers)]
        while True:
            await asyncio.sleep(_LOOK)
            for place, child in enumerate(self._children):
                if not child.is_alive():
                    say(f"a worker ended ({child.exitcode}); starting another")
                    self._children[place] = self._child()

    def _child(self) -> SpawnProcess:
        arguments = (self._target, self._app_names, self._queues)
        child = get_context("spawn").Process(target=_work, args=arguments, daemon=True)
        # The terminal's Ctrl-C reaches children too, but we tell them when. They inherit this.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            child.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        return child

    async def _stop_children(self) -> None:
        children, self._children = self._children, []
        for child in children:
            child.terminate()
        await asyncio.gather(*(asyncio.to_thread(child.join) for child in children))


def _work(target: Target, app_names: tuple[str, ...], queues: tuple[str, ...]) -> None:
    """A worker process; SIGTERM alone, which its parent sends, ends it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    left = run_process(
        run_worker(
            target,
            load_apps(app_names),
            settings_from(os.environ),
            queues,
            signals=(signal.SIGTERM,),
        ),
        "info",
        json=False,
    )
    leave_handlers_behind(left=left)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _example(workflow: Workflow) -> str:
    """An input that shows the keys which the workflow requires; the values are to be filled in."""
    required = (workflow.input_schema or {}).get("required", ())
    keys = ", ".join(f'"{key}": ...' for key in required)
    return f"{{{keys}}}"

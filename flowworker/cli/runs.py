"""`start`, `list` and `history`."""

from __future__ import annotations

__all__ = ["begun", "history", "list_runs", "start"]

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.errors import FAILED, say
from flowworker.cli.notes import lasted, when
from flowworker.cli.options import (
    Target,
    as_json,
    connection,
    read_object,
    reveal_option,
    run_client,
)
from flowworker.cli.render import event_line, json_line
from flowworker.cli.tables import print_table
from flowworker.core.status import Priority, RunStatus
from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.client import Client, RunResult

_RUN = click.argument("run")


@click.command()
@click.argument("name")
@click.option("--input", "input_", default="{}", metavar="JSON|@FILE", help="A JSON object.")
@click.option("--id", "run_id", help="Run id and idempotency key; generated if not given.")
@click.option(
    "--priority", type=click.Choice([p.value for p in Priority]), help="Lane of its steps."
)
@click.option("--at", metavar="MOMENT", help="Begin then, such as 2030-01-31T08:00:00Z.")
@click.option("--in", "delay", metavar="DURATION", help="Begin after so long, such as 1h30m.")
@click.option("--wait", is_flag=True, help="Wait for the end and print the result as JSON.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.0), metavar="S", help="With --wait: at most so long."
)
@connection
@reveal_option
@as_json
@click.pass_context
def start(
    ctx: click.Context,
    target: Target,
    /,
    name: str,
    *,
    input_: str,
    run_id: str | None,
    priority: str | None,
    wait: bool,
    timeout: float | None,
    json_: bool,
    **more: Any,
) -> None:
    """Start a run of workflow NAME and print its id, or with --wait its result."""
    if timeout is not None and not wait:
        raise click.UsageError("--timeout goes with --wait.")
    from flowworker.client.checks import check_start

    value, reveal = read_object("--input", input_), bool(more.pop("reveal"))

    async def begin(client: Client) -> str:
        await check_start(client, name, value, run_id)
        return await client.start(name, value, run_id=run_id, priority=priority, **more)

    begun(ctx, target, begin, timeout, wait=wait, reveal=reveal, json_=json_)


def begun(
    ctx: click.Context,
    target: Target,
    begin: Callable[[Client], Awaitable[str]],
    timeout: float | None,
    *,
    wait: bool,
    reveal: bool,
    json_: bool,
) -> None:
    """Begin a run and print its id, or with `wait` its result, with secrets or without."""
    started: list[str] = []

    async def begin_and_wait(client: Client) -> RunResult:
        run = await begin(client)
        started.append(run)
        async with AsyncExitStack() as stack:
            if sys.stderr.isatty():
                from flowworker.cli.progress import progress

                await stack.enter_async_context(progress(client, run))
            result = await client.result(run, timeout)
        return result if reveal else await client.redacted(result)

    if wait:
        try:
            result = run_client(target, begin_and_wait)
        except (KeyboardInterrupt, Unavailable):
            for run in started:
                say(f"run {run} goes on; see `flowworker status {run}`")
            raise
        click.echo(json_line(result))
        if result.status is not RunStatus.COMPLETED:
            ctx.exit(FAILED)
        return
    run = run_client(target, begin)
    click.echo(json_line({"id": run}) if json_ else run)


@click.command("list")
@click.option(
    "--state",
    type=click.Choice([state.value for state in RunStatus], case_sensitive=False),
    help="Only runs in this state.",
)
@click.option("--workflow", help="Only runs of this workflow.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many."
)
@click.option("--no-children", is_flag=True, help="Leave out runs that are steps of others.")
@connection
@as_json
def list_runs(
    target: Target,
    *,
    state: str | None,
    workflow: str | None,
    limit: int,
    no_children: bool,
    json_: bool,
) -> None:
    """List runs, the newest of the generated ids first."""

    async def look(client: Client) -> None:
        wanted = RunStatus(state) if state else None
        found = await client.list(wanted, workflow, limit, children=not no_children)
        if json_:
            for run in found:
                click.echo(json_line(run))
            return
        rows = (
            [
                run.id,
                run.workflow,
                run.status,
                when(run.created_at)[:19],
                lasted(run.created_at, run.finished_at),
                run.error or ("paused" if run.paused else ""),
            ]
            for run in found
        )
        columns = ("RUN", "WORKFLOW", "STATE", "CREATED", "TOOK", "ERROR")
        print_table(columns, rows, status=2)

    run_client(target, look)


@click.command()
@_RUN
@connection
@reveal_option
@as_json
def history(target: Target, run: str, *, reveal: bool, json_: bool) -> None:
    """Show all events of a run, oldest first."""

    async def look(client: Client) -> None:
        for event in await client.history(run, reveal=reveal):
            click.echo(json_line(event) if json_ else event_line(event, with_run=False))

    run_client(target, look)

"""`start` and `history`."""

from __future__ import annotations

__all__ = ["begun", "history", "start"]

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.errors import FAILED, say
from flowworker.cli.options import (
    Target,
    as_json,
    connection,
    label_option,
    read_object,
    reveal_option,
    run_client,
)
from flowworker.cli.render import event_line, json_line
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
@label_option
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
        await check_start(client, name, value, run_id, more["labels"])
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

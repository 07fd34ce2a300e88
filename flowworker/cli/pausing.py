"""`pause`, `unpause` and `pauses`: of runs, and of queues."""

from __future__ import annotations

__all__ = ["pause", "pauses", "unpause"]

from functools import partial
from typing import TYPE_CHECKING

import click

from flowworker.acts import Pause, Unpause
from flowworker.cli.act import perform, user
from flowworker.cli.choosing import Chosen, choosing
from flowworker.cli.notes import when
from flowworker.cli.options import Target, as_json, connection, run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain, print_table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.client import Client, PauseView

_ACTOR = click.option("--actor", help="Who asks for it; the user of this system if not given.")
_QUEUE = click.option("--queue", metavar="QUEUE", help="Instead of runs: a queue, of all its runs.")
_COLUMNS = ("QUEUE", "SINCE", "BY", "REASON")


@click.command()
@partial(choosing, instead=("queue",))
@_QUEUE
@click.option("--reason", default="", help="Why; shown as long as they pause.")
@_ACTOR
@connection
@as_json
def pause(
    target: Target,
    chosen: Chosen,
    *,
    queue: str | None,
    reason: str,
    actor: str | None,
    json_: bool,
) -> None:
    """Pause runs or a queue: nothing begins any more, and what runs ends."""
    who = user() if actor is None else actor
    if queue is not None:

        async def hold(client: Client) -> str:
            view = await client.pause_queue(queue, reason, actor=who)
            return f"queue {queue} is paused since {when(view.since)[:19]}"

        _do(target, chosen, queue, hold, json_=json_)
        return

    async def alone(client: Client, run: str) -> None:
        await client.pause(run, reason, actor=who)

    perform(target, chosen, Pause(reason, who), alone, json_=json_)


@click.command()
@partial(choosing, instead=("queue",))
@_QUEUE
@_ACTOR
@connection
@as_json
def unpause(
    target: Target, chosen: Chosen, *, queue: str | None, actor: str | None, json_: bool
) -> None:
    """Let runs or a queue go on that pause."""
    who = user() if actor is None else actor
    if queue is not None:

        async def release(client: Client) -> str:
            await client.unpause_queue(queue, actor=who)
            return f"queue {queue} goes on"

        _do(target, chosen, queue, release, json_=json_)
        return

    async def alone(client: Client, run: str) -> None:
        await client.unpause(run, actor=who)

    perform(target, chosen, Unpause(who), alone, json_=json_)


def _do(
    target: Target,
    chosen: Chosen,
    queue: str,
    act: Callable[[Client], Awaitable[str]],
    *,
    json_: bool,
) -> None:
    """Act on a queue, and say how it stands then; or, to try it, how it stands now."""
    if chosen.rate is not None or chosen.yes:
        raise click.UsageError("--rate and --yes are about runs, not about a queue.")

    async def perform_(client: Client) -> tuple[str, PauseView | None]:
        if chosen.dry_run:
            found = (await client.paused_queues()).get(queue)
            return f"queue {queue} {'goes on' if found is None else 'is paused'} now", found
        said = await act(client)
        return said, (await client.paused_queues()).get(queue)

    said, found = run_client(target, perform_)
    click.echo(json_line({"queue": queue, "paused": found}) if json_ else plain(said))


@click.command()
@connection
@as_json
def pauses(target: Target, *, json_: bool) -> None:
    """List the queues that pause, and why."""

    async def look(client: Client) -> dict[str, PauseView]:
        return await client.paused_queues()

    found = run_client(target, look)
    if json_:
        for name, one in found.items():
            click.echo(json_line({"queue": name, "paused": one}))
    elif found:
        rows = ([name, when(one.since)[:19], one.actor, one.reason] for name, one in found.items())
        print_table(_COLUMNS, rows, status=1)
    else:
        click.echo("no queue is paused")

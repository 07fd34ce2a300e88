"""`pause`, `unpause` and `pauses`: of runs, of queues and of workflows."""

from __future__ import annotations

__all__ = ["pause", "pauses", "unpause"]

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

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
_WORKFLOW = click.option(
    "--workflow", metavar="NAME", help="Instead of runs: a workflow, also runs to come."
)
_INSTEAD: Final = ("queue", "workflow")
_COLUMNS = ("PAUSED", "SINCE", "BY", "REASON")


class _Whole(NamedTuple):
    """What pauses besides runs: a queue or a workflow, and its name."""

    of: str
    name: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.of} {self.name}"

    async def pause(self, client: Client, reason: str, actor: str) -> str:
        """Pause it; what there is to say."""
        act = client.pause_queue if self.of == "queue" else client.pause_workflow
        view = await act(self.name, reason, actor=actor)
        return f"{self} is paused since {when(view.since)[:19]}"

    async def unpause(self, client: Client, actor: str) -> str:
        """The same of going on."""
        act = client.unpause_queue if self.of == "queue" else client.unpause_workflow
        await act(self.name, actor=actor)
        return f"{self} goes on"


def _whole(queue: str | None, workflow: str | None) -> _Whole | None:
    """What is named instead of runs."""
    if queue is not None:
        return _Whole("queue", queue)
    return None if workflow is None else _Whole("workflow", workflow)


@click.command()
@partial(choosing, instead=_INSTEAD)
@_QUEUE
@_WORKFLOW
@click.option("--reason", default="", help="Why; shown as long as they pause.")
@_ACTOR
@connection
@as_json
def pause(
    target: Target,
    chosen: Chosen,
    *,
    queue: str | None,
    workflow: str | None,
    reason: str,
    actor: str | None,
    json_: bool,
) -> None:
    """Pause runs, a queue or a workflow: nothing begins any more, and what runs ends."""
    who, whole = user() if actor is None else actor, _whole(queue, workflow)
    if whole is not None:
        _do(target, chosen, whole, lambda client: whole.pause(client, reason, who), json_=json_)
        return

    async def alone(client: Client, run: str) -> None:
        await client.pause(run, reason, actor=who)

    perform(target, chosen, Pause(reason, who), alone, json_=json_)


@click.command()
@partial(choosing, instead=_INSTEAD)
@_QUEUE
@_WORKFLOW
@_ACTOR
@connection
@as_json
def unpause(
    target: Target,
    chosen: Chosen,
    *,
    queue: str | None,
    workflow: str | None,
    actor: str | None,
    json_: bool,
) -> None:
    """Let runs, a queue or a workflow go on that pause."""
    who, whole = user() if actor is None else actor, _whole(queue, workflow)
    if whole is not None:
        _do(target, chosen, whole, lambda client: whole.unpause(client, who), json_=json_)
        return

    async def alone(client: Client, run: str) -> None:
        await client.unpause(run, actor=who)

    perform(target, chosen, Unpause(who), alone, json_=json_)


def _do(
    target: Target,
    chosen: Chosen,
    whole: _Whole,
    act: Callable[[Client], Awaitable[str]],
    *,
    json_: bool,
) -> None:
    """Act on it, and say how it stands then; or, to try it, how it stands now."""
    if chosen.rate is not None or chosen.yes:
        raise click.UsageError(f"--rate and --yes are about runs, not about a {whole.of}.")

    async def perform_(client: Client) -> tuple[str, PauseView | None]:
        if chosen.dry_run:
            found = (await _paused(client)).get(whole)
            return f"{whole} {'goes on' if found is None else 'is paused'} now", found
        said = await act(client)
        return said, (await _paused(client)).get(whole)

    said, found = run_client(target, perform_)
    click.echo(json_line({whole.of: whole.name, "paused": found}) if json_ else plain(said))


async def _paused(client: Client) -> dict[_Whole, PauseView]:
    queues = (await client.paused_queues()).items()
    workflows = (await client.paused_workflows()).items()
    found = {_Whole("queue", name): view for name, view in queues}
    return found | {_Whole("workflow", name): view for name, view in workflows}


@click.command()
@connection
@as_json
def pauses(target: Target, *, json_: bool) -> None:
    """List the queues and workflows that pause, and why."""
    found = run_client(target, _paused)
    if json_:
        for whole, one in found.items():
            click.echo(json_line({whole.of: whole.name, "paused": one}))
    elif found:
        rows = ([str(all_), when(of.since)[:19], of.actor, of.reason] for all_, of in found.items())
        print_table(_COLUMNS, rows, status=1)
    else:
        click.echo("no queue and no workflow is paused")

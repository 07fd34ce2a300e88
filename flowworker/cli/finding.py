"""`list`: the runs that a filter means."""

from __future__ import annotations

__all__ = ["list_runs"]

from typing import TYPE_CHECKING

import click

from flowworker.cli.errors import say
from flowworker.cli.notes import lasted, when
from flowworker.cli.options import Target, as_json, connection, run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import print_table
from flowworker.core.status import RunStatus

if TYPE_CHECKING:
    from flowworker.client import Client, RunPage


@click.command("list")
@click.option("--where", default="", metavar="FILTER", help="Such as 'state=failed started>-2h'.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in RunStatus], case_sensitive=False),
    help="Only runs in this state.",
)
@click.option("--workflow", help="Only runs of this workflow.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many."
)
@click.option("--cursor", default="", help="Go on where a list ended that had more.")
@click.option("--no-children", is_flag=True, help="Leave out runs that are steps of others.")
@connection
@as_json
def list_runs(
    target: Target,
    *,
    where: str,
    state: str | None,
    workflow: str | None,
    limit: int,
    cursor: str,
    no_children: bool,
    json_: bool,
) -> None:
    """List runs, newest first: by when they were created."""
    wanted = where
    if state:
        wanted += f" state={state}"
    if workflow:
        wanted += f' workflow="{workflow}"'

    async def look(client: Client) -> None:
        page = await client.find(wanted, limit, cursor, children=not no_children)
        if json_:
            for run in page.runs:
                click.echo(json_line(run))
        elif page.runs:
            _print(page)
        else:
            click.echo("no run was found")
        if page.cursor:
            say(f"there may be more: --cursor {page.cursor}")

    run_client(target, look)


def _print(page: RunPage) -> None:
    rows = (
        [
            run.id,
            run.workflow,
            run.status,
            when(run.created_at)[:19],
            lasted(run.created_at, run.finished_at),
            run.error or ("paused" if run.paused else ""),
        ]
        for run in page.runs
    )
    columns = ("RUN", "WORKFLOW", "STATE", "CREATED", "TOOK", "ERROR")
    print_table(columns, rows, status=2)

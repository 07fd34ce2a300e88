"""`watch`: events as they happen."""

from __future__ import annotations

__all__ = ["watch"]

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.options import Target, as_json, connection, reveal_option, run_client
from flowworker.cli.render import event_line, json_line

if TYPE_CHECKING:
    from flowworker.client import Client


@click.command()
@click.argument("run", required=False)
@connection
@reveal_option
@as_json
def watch(target: Target, run: str | None, *, reveal: bool, json_: bool) -> None:
    """Show events as they happen: of one RUN from its start to its end, or of all.

    One line each, or with --json one CloudEvent each.
    """

    async def follow(client: Client) -> None:
        async with aclosing(client.watch(run, reveal=reveal)) as events:
            async for event in events:
                click.echo(json_line(event) if json_ else _line(event, one=bool(run)))

    run_client(target, follow)


def _line(event: dict[str, Any], *, one: bool) -> str:
    """An event; of several runs with its run and that run's workflow."""
    return event_line(event, with_run=not one, with_workflow=not one)

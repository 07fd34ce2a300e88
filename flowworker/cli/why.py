"""`why`: what each step of a run that does not move waits for."""

from __future__ import annotations

__all__ = ["print_why", "why"]

import shutil
import sys
from typing import TYPE_CHECKING

import click

from flowworker.cli.options import Target, as_json, connection, run_client
from flowworker.cli.tables import plain, state
from flowworker.cli.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.client import Client, Diagnosis, Reason

_PLAIN = 80
"""Columns where there is no terminal."""


@click.command()
@click.argument("run")
@click.option("--step", default="", metavar="STEP", help="Only this one: `charge`, or `resize[3]`.")
@connection
@as_json
def why(target: Target, run: str, *, step: str, json_: bool) -> None:
    """Say what each step of a run waits for, and what to do if it waits for you.

    The runs that steps are follow.
    """

    async def look(client: Client) -> None:
        found = await client.why(run, step, children=True)
        if json_:
            from flowworker.cli.render import json_line

            click.echo(json_line(found))
        else:
            print_why(found)

    run_client(target, look)


def print_why(found: Diagnosis) -> None:
    """What was found out about a run, and below it about those that its steps are."""
    click.echo(f"run {found.run} ({plain(found.workflow)}) is {state(found.status)}")
    _print(found.reasons, "  ")
    for step in found.steps:
        click.echo(f"\n{plain(step.id)} {state(step.status)}")
        _print(step.reasons, "  ")
    if found.more:
        click.echo(f"\nand {found.more:,} more instances")
    if not (found.reasons or found.steps):
        click.echo("  nothing of it is to be waited for")
    for child in found.children:
        click.echo()
        print_why(child)


def _print(reasons: tuple[Reason, ...], indent: str) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PLAIN
    for reason in reasons:
        for line in _lines(reason):
            for part in wrapped(plain(line), width, indent, f"{indent}  "):
                click.echo(part)


def _lines(reason: Reason) -> Iterator[str]:
    yield reason.text
    if reason.remedy:
        yield f"-> {reason.remedy}"

"""Acting on several runs by one command: over one connection, with a summary.

Nothing is kept of how far a command came: each act is done once to a run, so the same command goes
on where an earlier one was.
"""

from __future__ import annotations

__all__ = ["act_on"]

import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from flowworker.acts import Outcome, name_of
from flowworker.cli.choosing import meant
from flowworker.cli.errors import REFUSED, say
from flowworker.cli.options import run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain
from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowworker.acts import Act, Acted
    from flowworker.cli.choosing import Chosen
    from flowworker.cli.options import Target
    from flowworker.client import Client

SHOWN = 20
"""Runs of which each has a line on a terminal; of more, a bar shows how far it is."""


def act_on(target: Target, chosen: Chosen, act: Act, *, json_: bool) -> None:
    """Act on all of them, say what became of each, and end with 6 if some refused."""
    name, known = name_of(act), Counter[Outcome]()
    chosen = meant(target, chosen, name)
    total, dry_run = len(chosen.runs), chosen.dry_run
    if not total:
        say(plain(f"{name}: no run is like {chosen.where!r}"))
        return

    async def act_on_all(client: Client) -> None:
        acted = client.act_on(chosen.runs, act, rate=chosen.rate, dry_run=dry_run)
        with _shown(name, total, dry_run=dry_run, json_=json_) as show:
            async for one in acted:
                known[one.outcome] += 1
                show(one)

    try:
        run_client(target, act_on_all)
    except (KeyboardInterrupt, Unavailable):
        left = f"{total - known.total():,} are left"
        say(f"{_summary(name, known, dry_run=dry_run)}; {left}: {chosen.goes_on}")
        raise
    say(_summary(name, known, dry_run=dry_run))
    if known[Outcome.REFUSED]:
        click.get_current_context().exit(REFUSED)


def _summary(name: str, found: Counter[Outcome], *, dry_run: bool) -> str:
    begin = f"{name}, as it would be" if dry_run else name
    named = ((found[Outcome.REQUESTED], "requested"), (found[Outcome.ALREADY], "done before"))
    parts = [f"{count:,} {text}" for count, text in named if count]
    if found[Outcome.REFUSED]:
        parts.append(f"{found[Outcome.REFUSED]:,} refused")
    return f"{begin}: {', '.join(parts) or 'nothing'}"


@contextmanager
def _shown(
    name: str, total: int, *, dry_run: bool, json_: bool
) -> Iterator[Callable[[Acted], None]]:
    """What shows one run after the other: by a line for each, or by a bar."""
    if json_:
        yield lambda one: click.echo(json_line(one))
        return

    def line(one: Acted) -> None:
        if one.outcome is Outcome.REFUSED:
            say(plain(f"{name} of run {one.id} is refused: {one.error}"))
        else:
            click.echo(plain(_line(name, one, dry_run=dry_run)))

    if total <= SHOWN or not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield line
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(name, total=total)

        def move(one: Acted) -> None:
            progress.advance(bar)
            if one.outcome is Outcome.REFUSED:
                text = plain(f"{name} of run {one.id} is refused: {one.error}")
                progress.console.print(text, markup=False, highlight=False)

        yield move


def _line(name: str, one: Acted, *, dry_run: bool) -> str:
    before = one.outcome is Outcome.ALREADY
    what = "was requested before" if before else "would be requested" if dry_run else "is requested"
    return f"{name} of run {one.id} {what}" + (f": run {one.new_id}" if one.new_id else "")

"""Acting on several runs by one command: over one connection, with a summary.

Nothing is kept of how far a command came: each act is done once to a run, so the same command goes
on where an earlier one was.
"""

from __future__ import annotations

__all__ = ["Chosen", "act_on", "choosing"]

import functools
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from flowworker.acts import Outcome, name_of
from flowworker.cli.errors import REFUSED, say
from flowworker.cli.options import run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain
from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowworker.acts import Act, Acted
    from flowworker.cli.options import Target
    from flowworker.client import Client

T = TypeVar("T")
P = ParamSpec("P")

SHOWN = 20
"""Runs of which each has a line on a terminal; of more, a bar shows how far it is."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which runs a command acts on, and how.

    Attributes:
        runs: ids, each once.
        rate: so many requests in a second at most.
        dry_run: only say what would become of each.
    """

    runs: tuple[str, ...]
    rate: float | None = None
    dry_run: bool = False

    @property
    def alone(self) -> str:
        """The run, if it is a single one; else empty."""
        return self.runs[0] if len(self.runs) == 1 else ""


def choosing(command: Callable[Concatenate[Chosen, P], T]) -> Callable[P, T]:
    """Give a command several runs, and how they are acted on, before its other arguments."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        values: dict[str, Any] = kwargs
        runs = tuple(dict.fromkeys(values.pop("runs")))
        chosen = Chosen(runs, values.pop("rate"), values.pop("dry_run"))
        return command(chosen, *args, **kwargs)

    decorated: Any = wrapped
    for option in (
        click.option("--dry-run", is_flag=True, help="Only say what would become of each run."),
        click.option(
            "--rate",
            type=click.FloatRange(min=0.0, min_open=True),
            metavar="N",
            help="At most so many requests in a second.",
        ),
        click.argument("runs", nargs=-1, required=True, metavar="RUN..."),
    ):
        decorated = option(decorated)
    checked: Callable[P, T] = decorated
    return checked


def act_on(target: Target, chosen: Chosen, act: Act, *, json_: bool) -> None:
    """Act on all of them, say what became of each, and end with 6 if some refused."""
    name, found = name_of(act), Counter[Outcome]()
    total = len(chosen.runs)

    async def act_on_all(client: Client) -> None:
        runs, rate, dry_run = chosen.runs, chosen.rate, chosen.dry_run
        with _shown(name, total, dry_run=dry_run, json_=json_) as show:
            async for one in client.act_on(runs, act, rate=rate, dry_run=dry_run):
                found[one.outcome] += 1
                show(one)

    try:
        run_client(target, act_on_all)
    except (KeyboardInterrupt, Unavailable):
        said = _summary(name, found, dry_run=chosen.dry_run)
        say(f"{said}; {total - found.total():,} are left: the same command goes on with them")
        raise
    say(_summary(name, found, dry_run=chosen.dry_run))
    if found[Outcome.REFUSED]:
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

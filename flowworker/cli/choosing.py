"""Which runs a command acts on: those that are named, or those that a filter means."""

from __future__ import annotations

__all__ = ["Chosen", "choosing", "choosing_by_option", "meant"]

import functools
import shlex
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from flowworker.cli.errors import say
from flowworker.cli.notes import when
from flowworker.cli.options import run_client
from flowworker.cli.tables import plain
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from flowworker.cli.options import Target
    from flowworker.client import Client, RunSummary
    from flowworker.filters import Condition, Filter

T = TypeVar("T")
P = ParamSpec("P")

_PAGE = 1_000
"""Runs that are asked for at a time."""

_FIRST = 5
"""Of the runs that are found, so many are shown before anything is done to them."""

_NOT_REPEATED = frozenset({"where", "yes", "password", "token"})
"""Options that a command which goes on does not get from this one."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which runs a command acts on, and how.

    Attributes:
        runs: ids, each once.
        where: the filter that means them, instead; then `runs` are those that were found.
        rate: so many requests in a second at most.
        dry_run: only say what would become of each.
        yes: do not ask.
        goes_on: the command that goes on if this one is interrupted.
    """

    runs: tuple[str, ...]
    where: str | None = None
    rate: float | None = None
    dry_run: bool = False
    yes: bool = False
    goes_on: str = ""

    @property
    def alone(self) -> str:
        """The run, if it is a single one that was named; else empty."""
        return self.runs[0] if len(self.runs) == 1 and self.where is None else ""


def choosing(
    command: Callable[Concatenate[Chosen, P], T], instead: Collection[str] = ()
) -> Callable[P, T]:
    """Give a command several runs, and how they are acted on, before its other arguments.

    Args:
        command: which.
        instead: names of its options with each of which it is about no runs.
    """

    @functools.wraps(command)
    def checked(chosen: Chosen, /, *args: P.args, **kwargs: P.kwargs) -> T:
        given_instead = [name for name in instead if kwargs.get(name) is not None]
        ways = (bool(chosen.runs), chosen.where is not None, *(True for _ in given_instead))
        if sum(ways) != 1:
            others = "".join(f", or --{name}" for name in instead)
            raise click.UsageError(f"Give either runs, or --where and a filter{others}.")
        return command(chosen, *args, **kwargs)

    return _choosing(checked, click.argument("runs", nargs=-1, metavar="[RUN]..."))


def choosing_by_option(command: Callable[Concatenate[Chosen, P], T]) -> Callable[P, T]:
    """The same for one whose arguments say something else; whether runs are given it checks."""
    option = click.option(
        "--run", "runs", multiple=True, metavar="RUN", help="One of several runs."
    )
    return _choosing(command, option)


def _choosing(
    command: Callable[Concatenate[Chosen, P], T],
    named: Callable[[Callable[P, T]], Callable[P, T]],
) -> Callable[P, T]:
    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        values: dict[str, Any] = kwargs
        given = {name: values.pop(name) for name in ("where", "rate", "dry_run", "yes")}
        chosen = Chosen(tuple(dict.fromkeys(values.pop("runs"))), **given)
        return command(chosen, *args, **kwargs)

    decorated: Any = wrapped
    for option in (
        click.option("--yes", is_flag=True, help="With --where: do not ask."),
        click.option("--dry-run", is_flag=True, help="Only say what would become of each run."),
        click.option(
            "--rate",
            type=click.FloatRange(min=0.0, min_open=True),
            metavar="N",
            help="At most so many requests in a second.",
        ),
        click.option("--where", metavar="FILTER", help="All runs like 'state=failed started>-2h'."),
        named,
    ):
        decorated = option(decorated)
    checked: Callable[P, T] = decorated
    return checked


def meant(target: Target, chosen: Chosen, name: str) -> Chosen:
    """With the runs that the filter means now; people have seen some of them, and said yes.

    What is found is what is acted on: an act changes what a filter is about.
    """
    if chosen.where is None:
        return replace(chosen, goes_on="the same command goes on with them")
    from flowworker.filters import parse_filter

    if not (chosen.yes or chosen.dry_run or sys.stdin.isatty()):
        raise InvalidInput(
            "stdin is no terminal to confirm on: give --yes, or --dry-run to look first"
        )
    wanted = parse_filter(chosen.where, time.time())
    runs, first, newest = run_client(target, lambda client: _look(client, wanted))
    if not runs:
        return chosen
    say(plain(f"{name}: {_count(len(runs))} like {chosen.where!r}, newest first:"))
    for run in first:
        say(plain(f"  {run.id}  {run.workflow}  {run.status}  {when(run.created_at)[:19]}"))
    if len(runs) > len(first):
        say(f"  and {len(runs) - len(first):,} more")
    goes_on = _again(wanted, newest)
    if not chosen.dry_run:
        if not chosen.yes:
            click.confirm(f"{name} {_count(len(runs))}?", abort=True, err=True)
        say(f"if this is interrupted, go on by: {goes_on}")
    return replace(chosen, runs=tuple(runs), goes_on=f"go on by: {goes_on}")


def _count(runs: int) -> str:
    return f"{runs:,} run" if runs == 1 else f"{runs:,} runs"


async def _look(client: Client, wanted: Filter) -> tuple[list[str], list[RunSummary], float]:
    """The ids of all that are meant, newest first, some to be shown, and the age of the newest."""
    runs: list[str] = []
    first: list[RunSummary] = []
    newest = 0.0
    of_parents = any(each.field == "parent" for each in wanted.conditions)
    cursor = ""
    with _looking() as so_far:
        while True:
            page = await client.find(wanted, _PAGE, cursor, children=of_parents)
            first += page.runs[: _FIRST - len(first)]
            runs += [run.id for run in page.runs]
            newest = max(newest, *(run.created_at for run in page.runs), 0.0)
            so_far(len(runs))
            if not page.cursor:
                return runs, first, newest
            cursor = page.cursor


@contextmanager
def _looking() -> Iterator[Callable[[int], None]]:
    """What shows on a terminal how many were found so far."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("looking for runs") as status:
        yield lambda count: status.update(f"looking for runs: {count:,} so far")


def _again(wanted: Filter, newest: float) -> str:
    """The command that goes on: with the same options, and none of the runs that came later.

    A run that a rerun has begun may be like the filter as well, and is not meant.

    Args:
        wanted: which were found.
        newest: when the newest of them was created.
    """
    from flowworker.filters import Condition, Filter, Operator, write_filter

    bound = Condition("started", Operator.UP_TO, moment=newest)
    others = (each for each in wanted.conditions if not _is_bound(each))
    fixed = write_filter(Filter((*others, bound)))
    context = click.get_current_context()
    words, last = context.command_path.split(), list[str]()
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if source is not click.core.ParameterSource.COMMANDLINE or option.name in _NOT_REPEATED:
            continue
        value = context.params[option.name or ""]
        if isinstance(option, click.Argument):
            last += map(str, value)
        else:
            words += [option.opts[0]] if value is True else [option.opts[0], str(value)]
    return shlex.join([*words, "--where", fixed, "--yes", *(["--", *last] if last else [])])


def _is_bound(condition: Condition) -> bool:
    """Whether it is such as the command that goes on has."""
    return (condition.field, condition.operator) == ("started", "<=")

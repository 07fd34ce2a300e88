"""`simulate`: workflows in worlds in which things go wrong."""

from __future__ import annotations

__all__ = ["simulate"]

import functools
from collections import Counter
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
import msgspec

from flowworker.cli.apps import app_option, load_apps
from flowworker.cli.errors import FAILED
from flowworker.cli.options import as_json, read_json
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain, print_table
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.model import Workflow
    from flowworker.simulate import Outcome, Task

P = ParamSpec("P")
T = TypeVar("T")

_MOST = 100_000

_SHRUNK = 5
"""Worlds that are made shorter: those in which the least went wrong."""


def _task(command: Callable[Concatenate[Task, P], T]) -> Callable[P, T]:
    """What the worlds are about, from the arguments and options that say it."""

    @click.argument("paths", nargs=-1, required=True, metavar="PATH...")
    @app_option
    @click.option("--workflow", metavar="NAME", help="Which one to start, if there are several.")
    @click.option("--input", "input_", metavar="JSON", help="Input of the runs, or @FILE.")
    @click.option(
        "--output", "outputs", multiple=True, metavar="HANDLER=JSON", help="What it returns."
    )
    @click.option("--signal", "signals", multiple=True, metavar="NAME=JSON", help="What it says.")
    @click.option(
        "--harmless",
        multiple=True,
        metavar="HANDLER",
        help="It leaves nothing that has to be undone.",
    )
    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        return command(_read(kwargs), *args, **kwargs)

    return wrapped


def _read(options: dict[str, Any]) -> Task:
    """The task, of the options that it takes out."""
    from flowworker.definitions import load_paths
    from flowworker.simulate import Task

    app = load_apps(options.pop("app_names"))
    found = {each.name: each for _, each in load_paths(options.pop("paths"), app.handlers)}
    given = options.pop("input_")
    return Task(
        _started(found, options.pop("workflow")),
        app,
        None if given is None else msgspec.json.decode(read_json("--input", given)),
        _named("--output", options.pop("outputs")),
        _named("--signal", options.pop("signals")),
        frozenset(options.pop("harmless")),
    )


@click.command()
@_task
@click.option(
    "--worlds", default=100, show_default=True, type=click.IntRange(1, _MOST), help="How many."
)
@click.option("--seed", type=click.IntRange(0), help="Only the world of this seed.")
@click.option(
    "--troubles", metavar="KEYS", help="With --seed: of all that goes wrong in it only these."
)
@as_json
def simulate(
    task: Task, worlds: int, seed: int | None, troubles: str | None, *, json_: bool
) -> None:
    """Run a workflow in many worlds in which workers die and messages get lost.

    No handler is called: stand-ins fail, or return what fits its annotation.
    """
    from flowworker.simulate import World, shrunk

    if troubles is not None and seed is None:
        raise InvalidInput("--troubles: they are those of one world: say which, by --seed")
    only = None if troubles is None else set(troubles.split(","))
    seeds = range(worlds) if seed is None else range(seed, seed + 1)
    lived = [World(task, each, only).run() for each in seeds]
    failed = sorted((outcome for outcome in lived if outcome.left), key=_length)
    shortest = min((shrunk(task, each) for each in failed[:_SHRUNK]), key=_length, default=None)
    if json_:
        click.echo(json_line(_summary(task, lived, shortest)))
    else:
        _print(task, lived, shortest)
    if failed:
        click.get_current_context().exit(FAILED)


def _started(found: dict[str, Workflow], name: str | None) -> tuple[Workflow, ...]:
    """All of them, the one to start first."""
    if name is None and len(found) > 1:
        raise InvalidInput(f"--workflow: expected one of {', '.join(found)}: say which to start")
    if name is not None and name not in found:
        raise InvalidInput(f"--workflow: expected one of {', '.join(found)}, found {name!r}")
    first = name or next(iter(found))
    return (found.pop(first), *found.values())


def _named(option: str, given: tuple[str, ...]) -> dict[str, Any]:
    """Values by name."""
    values = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidInput(f"{option}: expected NAME=JSON, found {text!r:.150}")
        values[name] = msgspec.json.decode(read_json(f"{option} {name}", value))
    return values


def _length(outcome: Outcome) -> int:
    return len(outcome.troubles)


def _handlers(lived: list[Outcome]) -> list[tuple[str, int, int]]:
    """By handler, in how many worlds it was called again: after a loss, after its own failure."""
    again = Counter(name for outcome in lived for name in outcome.again)
    retried = Counter(name for outcome in lived for name in outcome.retried)
    return [(name, again[name], retried[name]) for name in sorted({*again, *retried})]


def _summary(task: Task, lived: list[Outcome], shortest: Outcome | None) -> dict[str, Any]:
    return {
        "workflow": task.workflows[0].name,
        "worlds": len(lived),
        "ends": Counter(outcome.status.partition(":")[0] for outcome in lived),
        "handlers": [
            {"handler": name, "again": again, "retried": retried}
            for name, again, retried in _handlers(lived)
        ],
        "half_done": Counter(line for outcome in lived for line in outcome.left),
        "shortest": None
        if shortest is None
        else {
            "seed": shortest.seed,
            "status": shortest.status,
            "half_done": shortest.left,
            "troubles": [
                {"key": each.key, "moment": each.moment, "text": each.text}
                for each in shortest.troubles
            ],
        },
    }


def _print(task: Task, lived: list[Outcome], shortest: Outcome | None) -> None:
    summary = _summary(task, lived, shortest)
    ends = ", ".join(f"{count} {status}" for status, count in sorted(summary["ends"].items()))
    count = len(lived)
    click.echo(plain(f"{summary['workflow']}: {count} world{'s' * (count > 1)}: {ends}"))
    if rows := _handlers(lived):
        click.echo("\nHandlers that were called again with the same idempotency key, in worlds:\n")
        columns = ("HANDLER", "AFTER A LOSS", "AFTER IT FAILED")
        print_table(columns, [(name, str(lost), str(own)) for name, lost, own in rows], 0)
    if shortest is None:
        click.echo("\nNo end leaves anything half done.")
        return
    click.echo("\nHalf done, in worlds:\n")
    for line, worlds in summary["half_done"].most_common():
        click.echo(plain(f"{worlds:5}  {line}"))
    _print_world(shortest)


def _print_world(shortest: Outcome) -> None:
    click.echo(f"\nThe shortest world that shows it, of seed {shortest.seed}:\n")
    for each in shortest.troubles:
        click.echo(plain(f"{each.moment:12.3f} s  {each.text}"))
    click.echo(plain(f"{shortest.moment:12.3f} s  the run is {shortest.status}"))
    for line in shortest.left:
        click.echo(plain(f"{'':>15}{line}"))
    keys = ",".join(each.key for each in shortest.troubles)
    click.echo(f"\nTo see it again, add: --seed {shortest.seed} --troubles {keys or 'none'}")

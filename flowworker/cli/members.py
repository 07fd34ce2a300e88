"""`workers` and `coordinators`: who is there, and what it does."""

from __future__ import annotations

__all__ = ["coordinators", "workers"]

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from flowworker.cli.options import Target, as_json, connection, run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowworker.client import Client, CoordinatorView, WorkerView

_WORKERS = ("ID", "STATE", "BUSY", "UP", "SEEN", "QUEUES", "HANDLERS")
_COORDINATORS = ("ID", "STATE", "RUNS", "UP", "SEEN", "PARTITIONS")


@click.command()
@click.option("--queue", help="Only workers of this queue.")
@connection
@as_json
def workers(target: Target, *, queue: str | None, json_: bool) -> None:
    """List the workers that are there, and what each serves.

    One that was killed is listed for up to half a minute.
    """

    async def look(client: Client) -> None:
        found = await client.workers()
        shown = [one for one in found if queue is None or queue in one.queues]
        _print(_WORKERS, shown, map(_worker, shown), "no worker is there", json_=json_)

    run_client(target, look)


@click.command()
@connection
@as_json
def coordinators(target: Target, *, json_: bool) -> None:
    """List the coordinators that are there, and the partitions that each drives.

    One that was killed is listed for up to half a minute.
    """

    async def look(client: Client) -> None:
        found = await client.coordinators()
        _print(
            _COORDINATORS, found, map(_coordinator, found), "no coordinator is there", json_=json_
        )

    run_client(target, look)


def _print(
    columns: Sequence[str],
    found: Sequence[WorkerView | CoordinatorView],
    rows: Iterable[Sequence[str]],
    nobody: str,
    *,
    json_: bool,
) -> None:
    if json_:
        for one in found:
            click.echo(json_line(one))
    elif found:
        print_table(columns, rows, status=1)
    else:
        click.echo(nobody)


def _worker(one: WorkerView) -> list[str]:
    queues = (f"{each}(paused)" if each in one.paused else each for each in one.queues)
    return [
        *(one.id, _state(one), f"{one.running}/{one.slots}", *_times(one)),
        *(" ".join(queues), " ".join(sorted(one.handlers))),
    ]


def _coordinator(one: CoordinatorView) -> list[str]:
    return [one.id, _state(one), str(one.runs), *_times(one), ranges(one.partitions)]


def _state(one: WorkerView | CoordinatorView) -> str:
    return "DRAINING" if one.draining else "READY"


def _times(one: WorkerView | CoordinatorView) -> tuple[str, str]:
    """Since when it runs, its own clock set right by the server's; and how long ago it said so."""
    up = max(one.seen_at - one.clock - one.started_at + one.age, 0.0)
    return str(timedelta(seconds=round(up))), f"{one.age:.0f} s ago"


def ranges(numbers: Sequence[int]) -> str:
    """Sorted numbers, those that follow each other as `0-7`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1][1:] = [number]
        else:
            found.append([number])
    return " ".join("-".join(map(str, one)) for one in found)

"""`schedule`: when runs begin by themselves."""

from __future__ import annotations

__all__ = ["schedule"]

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.notes import when
from flowworker.cli.options import (
    Target,
    as_json,
    connection,
    label_option,
    read_object,
    run_client,
)
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain, print_table
from flowworker.core.schedule import Overlap
from flowworker.core.status import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.client import Client, OccurrenceView, ScheduleView

_ID = click.argument("id_", metavar="ID")
_OVERLAP = click.option(
    "--overlap",
    type=click.Choice([one.value for one in Overlap]),
    help="What becomes of a time at which a run has not ended.",
)
_LATE = 30.0
"""Seconds after which it is said that a time has come and nobody has followed it."""
_COLUMNS = ("ID", "STATE", "WORKFLOW", "NEXT", "RUNS", "WHEN")
_TIMES = ("TIME", "STATE", "RUN", "STARTED", "NOTES")


@click.group()
def schedule() -> None:
    """Have runs begin by themselves."""


@schedule.command()
@_ID
@click.argument("workflow")
@click.option("--cron", metavar="TEXT", help="Five fields, or six with seconds before them.")
@click.option("--every", metavar="DURATION", help="Instead: one time each so long, such as 15m.")
@click.option("--timezone", metavar="ZONE", help="Of --cron, such as Europe/Berlin; UTC if none.")
@click.option("--input", "input_", metavar="JSON|@FILE", help="Of all runs: a JSON object.")
@label_option
@click.option("--start-at", metavar="MOMENT", help="No time before, as 2030-01-31T08:00:00Z.")
@click.option("--end-at", metavar="MOMENT", help="No time after.")
@click.option("--jitter", metavar="DURATION", help="Begin up to so much later.")
@_OVERLAP
@click.option("--catchup-window", metavar="DURATION", help="How late one may begin; 1d if none.")
@click.option("--pause-on-failure", is_flag=True, help="A run that fails pauses it.")
@click.option("--max-runs", type=click.IntRange(min=1), metavar="N", help="No more than so many.")
@click.option("--priority", type=click.Choice([p.value for p in Priority]), help="Of the runs.")
@click.option("--replace", is_flag=True, help="One of that id may exist, and becomes this one.")
@connection
@as_json
def create(
    target: Target,
    /,
    id_: str,
    workflow: str,
    *,
    input_: str | None,
    json_: bool,
    **said: Any,
) -> None:
    """Create schedule ID, which begins runs of WORKFLOW, and show its next times."""
    value = None if input_ is None else read_object("--input", input_)

    async def act(client: Client) -> ScheduleView:
        return await client.create_schedule(id_, workflow, value, **said)

    _show(run_client(target, act), json_=json_)


@schedule.command("list")
@click.option("--workflow", help="Only those of this workflow.")
@connection
@as_json
def list_(target: Target, *, workflow: str | None, json_: bool) -> None:
    """List all schedules."""

    async def look(client: Client) -> list[ScheduleView]:
        return await client.schedules(workflow)

    found = run_client(target, look)
    if json_:
        for one in found:
            click.echo(json_line(one))
    elif found:
        print_table(_COLUMNS, map(_row, found), status=1)
    else:
        click.echo("no schedule exists")


@schedule.command()
@_ID
@connection
@as_json
def show(target: Target, id_: str, *, json_: bool) -> None:
    """Show what a schedule says, when it comes next, and what came of its last times."""

    async def look(client: Client) -> ScheduleView:
        return await client.schedule(id_)

    _show(run_client(target, look), json_=json_)


@schedule.command()
@_ID
@click.option("--reason", default="", help="Shown with it.")
@connection
@as_json
def pause(target: Target, id_: str, *, reason: str, json_: bool) -> None:
    """Have no time of a schedule begin a run any more. Its runs go on."""

    async def act(client: Client) -> ScheduleView:
        return await client.pause_schedule(id_, reason)

    _say(run_client(target, act), f"schedule {id_} is paused", json_=json_)


@schedule.command()
@_ID
@connection
@as_json
def unpause(target: Target, id_: str, *, json_: bool) -> None:
    """Have its times begin runs again, from now on."""

    async def act(client: Client) -> ScheduleView:
        return await client.unpause_schedule(id_)

    _say(run_client(target, act), f"schedule {id_} is active", json_=json_)


@schedule.command()
@_ID
@_OVERLAP
@connection
@as_json
def trigger(target: Target, id_: str, *, overlap: str | None, json_: bool) -> None:
    """Begin a run of a schedule now, also while it is paused, and print its id."""

    async def act(client: Client) -> OccurrenceView:
        return await client.trigger_schedule(id_, overlap=overlap)

    found = run_client(target, act)
    if json_:
        click.echo(json_line(found))
    else:
        click.echo(f"{found.run}  {found.state}  {plain(found.reason)}".rstrip())


@schedule.command()
@_ID
@click.option("--from", "begin", required=True, metavar="MOMENT", help="The first moment.")
@click.option("--to", "end", required=True, metavar="MOMENT", help="The last moment.")
@_OVERLAP
@connection
@as_json
def backfill(
    target: Target, id_: str, *, begin: str, end: str, overlap: str | None, json_: bool
) -> None:
    """Begin the runs of all times between two moments, one after the other; print their ids."""

    async def act(client: Client) -> list[str]:
        return await client.backfill_schedule(id_, begin, end, overlap=overlap)

    for run in run_client(target, act):
        click.echo(json_line({"id": run}) if json_ else run)


@schedule.command()
@_ID
@connection
@as_json
def delete(target: Target, id_: str, *, json_: bool) -> None:
    """Remove a schedule. Its runs go on."""

    async def act(client: Client) -> None:
        await client.delete_schedule(id_)

    run_client(target, act)
    click.echo(json_line({"id": id_, "deleted": True}) if json_ else f"schedule {id_} is deleted")


def _say(found: ScheduleView, text: str, *, json_: bool) -> None:
    click.echo(json_line(found) if json_ else text)


def _row(one: ScheduleView) -> list[str]:
    following = _moment(one, one.next[0]) if one.next else ""
    return [one.id, one.state, one.workflow, following, str(one.started), _times(one)]


def _show(one: ScheduleView, *, json_: bool) -> None:
    if json_:
        click.echo(json_line(one))
        return
    for name, text in _facts(one):
        click.echo(f"{name:<10} {plain(text)}")
    for place, moment in enumerate(one.next):
        click.echo(f"{'' if place else 'next':<10} {_moment(one, moment)}")
    if times := [*one.running, *one.recent]:
        click.echo()
        rows = (
            [_moment(one, of.time), of.state, of.run, when(of.began), of.reason] for of in times
        )
        print_table(_TIMES, rows, status=1)


def _facts(one: ScheduleView) -> Iterator[tuple[str, str]]:
    yield "schedule", one.id
    yield "workflow", one.workflow + (", in its definition" if one.defined else "")
    yield "state", one.state + (f": {one.paused}" if one.paused else "")
    yield "when", _times(one)
    if one.next and (late := time.time() - one.next[0]) > _LATE:
        yield "overdue", f"for {late:,.0f} s: no coordinator has followed it; see flowworker doctor"
    yield "overlap", one.overlap
    if one.labels:
        yield "labels", " ".join(f"{name}={text}" for name, text in one.labels.items())
    counts = f"{one.started:,} begun, {one.skipped:,} skipped, {one.missed:,} missed"
    yield "times", counts + (f", {one.waiting:,} waiting" if one.waiting else "")


def _times(one: ScheduleView) -> str:
    from flowworker.definitions import format_duration

    text = f"{one.cron} {one.timezone}" if one.cron else f"every {format_duration(one.every)}"
    if one.jitter:
        text += f", up to {format_duration(one.jitter)} later"
    if one.start_at:
        text += f", from {_moment(one, one.start_at)}"
    if one.end_at:
        text += f", until {_moment(one, one.end_at)}"
    return text + (f", {one.max_runs:,} runs" if one.max_runs else "")


def _moment(one: ScheduleView, seconds: float) -> str:
    """As the clocks of its time zone show it."""
    from flowworker.schedules import zone_of

    local = datetime.fromtimestamp(seconds, UTC).astimezone(zone_of(one.timezone))
    return local.isoformat(sep=" ", timespec="seconds")

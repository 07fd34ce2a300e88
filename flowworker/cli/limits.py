"""`limits`: how many steps may be at work at a time, and how often, where steps say so by name."""

from __future__ import annotations

__all__ = ["limits"]

from typing import TYPE_CHECKING

import click

from flowworker.cli.notes import when
from flowworker.cli.options import Target, as_json, connection, run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import print_table
from flowworker.clock import SystemClock
from flowworker.core.limit import MAX_CONCURRENCY
from flowworker.core.rate import MAX_BURST

if TYPE_CHECKING:
    from flowworker.client import Client, HolderView, LimitView, WaiterPage, WaiterView

_NAME = click.argument("name")
_COLUMNS = ("LIMIT", "HELD", "OF", "RATE", "WAITING")
_HOLDERS = ("HOLDS IT", "STEP", "SINCE")
_WAITING = ("WAITS", "STEP", "SINCE")
_FIRST = 100
"""Of those who wait."""


@click.group()
def limits() -> None:
    """Say how many steps may be at work at a time, and how often one may begin."""


@limits.command("set")
@_NAME
@click.option(
    "--concurrency",
    type=click.IntRange(1, MAX_CONCURRENCY),
    metavar="N",
    help="So many steps at a time, and no more.",
)
@click.option(
    "--rate",
    default="",
    metavar="N/UNIT",
    help="So many steps begin per s, m, h or d, as in 100/s.",
)
@click.option(
    "--burst",
    type=click.IntRange(1, MAX_BURST),
    metavar="N",
    help="So many of them may begin at once; those of a tenth of a second if not given.",
)
@connection
@as_json
def set_(
    target: Target,
    name: str,
    *,
    concurrency: int | None,
    rate: str,
    burst: int | None,
    json_: bool,
) -> None:
    """Set limit NAME, or change it while steps hold it and wait for it.

    What is not given is no limit any more.
    """

    async def act(client: Client) -> LimitView:
        return await client.set_limit(name, concurrency, rate=rate, burst=burst)

    _show(run_client(target, act), json_=json_)


@limits.command("list")
@connection
@as_json
def list_(target: Target, *, json_: bool) -> None:
    """List all limits that are set, held or waited for."""

    async def look(client: Client) -> list[LimitView]:
        return await client.limits()

    found = run_client(target, look)
    if json_:
        for one in found:
            click.echo(json_line(one))
    elif found:
        print_table(_COLUMNS, map(_row, found), status=-1)
    else:
        click.echo("no limit is set, held or waited for")


@limits.command()
@_NAME
@connection
@as_json
def show(target: Target, name: str, *, json_: bool) -> None:
    """Show a limit: who holds it, and who waits."""

    async def look(client: Client) -> tuple[LimitView, WaiterPage]:
        return await client.limit(name), await client.limit_waiting(name, _FIRST)

    found, page = run_client(target, look)
    _show(found, json_=json_)
    if page.waiting and not json_:
        print_table(_WAITING, map(_times, page.waiting), status=-1)
        more = found.waiting - len(page.waiting)
        if page.cursor and more > 0:
            click.echo(f"and {more:,} more")


@limits.command()
@_NAME
@connection
@as_json
def delete(target: Target, name: str, *, json_: bool) -> None:
    """Take limit NAME away: steps that fall under it wait until it is set again."""

    async def act(client: Client) -> None:
        await client.delete_limit(name)

    run_client(target, act)
    done = f"limit {name} is deleted; steps that fall under it wait until it is set again"
    click.echo(json_line({"name": name, "deleted": True}) if json_ else done)


def _row(one: LimitView) -> list[str]:
    return [one.name, f"{one.held:,}", _allowed(one), one.rate or "-", f"{one.waiting:,}"]


def _allowed(one: LimitView) -> str:
    if one.concurrency:
        return f"{one.concurrency:,}"
    return "any" if one.rate else "not set"


def _show(one: LimitView, *, json_: bool) -> None:
    if json_:
        click.echo(json_line(one))
        return
    said = [f"{one.held:,} of {_allowed(one)} held"] if one.concurrency or not one.rate else []
    if one.rate:
        said += [f"{one.rate} ({one.burst:,} at once, {one.passed:,} so far)"]
    said += [f"{one.waiting:,} waiting"]
    if one.waiting and one.next_at > SystemClock().now():
        said += [f"the next may go at {when(one.next_at)}"]
    click.echo(f"{one.name}: {', '.join(said)}")
    if one.holders:
        print_table(_HOLDERS, map(_times, one.holders), status=-1)


def _times(one: HolderView | WaiterView) -> list[str]:
    return [one.run, one.step or "-", when(one.since)]

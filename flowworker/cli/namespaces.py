"""`setup` and `namespace`: what makes a namespace, and what removes it."""

from __future__ import annotations

__all__ = ["namespace", "setup"]

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.options import Target, as_json, check_queues, connection, queue_option
from flowworker.cli.render import json_line, plain
from flowworker.errors import InvalidInput
from flowworker.settings import from_environment, settings_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.topology.migration import Change
    from flowworker.jetstream.topology.namespaces import Holding


@asynccontextmanager
async def _api(target: Target) -> AsyncIterator[Api]:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.connection import connect

    made = await connect(target.options("flowworker-cli"))
    try:
        api = Api(made)
        await api.check()
        yield api
    finally:
        await made.close()


@click.command()
@queue_option
@click.option("--dry-run", is_flag=True, help="Print what would be done; change nothing.")
@connection
@as_json
def setup(target: Target, queues: tuple[str, ...], *, dry_run: bool, json_: bool) -> None:
    """Create a namespace, or bring one to what this release makes of it.

    Its streams and buckets, and the consumers of its processes. What exists is changed where it is
    not as it must be; what cannot be changed is refused, before anything is. Coordinators and
    workers create what is missing by themselves, and change nothing.
    """
    from flowworker.jetstream import Names, TopologyOptions
    from flowworker.jetstream.topology.migration import Migration
    from flowworker.jetstream.topology.specs import stream_specs

    check_queues(queues)
    names, settings = Names(target.namespace), settings_from(os.environ)
    options = from_environment(TopologyOptions, os.environ)

    async def act() -> tuple[list[Change], int]:
        async with _api(target) as api:
            migration = Migration(api, names, options, settings, queues)
            planned = await migration.plan()
            if not dry_run:
                await migration.carry_out(planned)
            return planned, migration.partitions

    planned, partitions = asyncio.run(act())
    name, streams = target.namespace, len(stream_specs(names, options))
    if json_:
        about = {"namespace": name, "streams": streams, "partitions": partitions}
        click.echo(json_line({**about, "dry_run": dry_run, **_planned(planned)}))
    else:
        for line in _shown(planned, dry_run=dry_run):
            click.echo(plain(line))
        if not dry_run:
            click.echo(f"namespace {name} is there: {streams} streams, {partitions} partitions")
        elif not planned:
            click.echo(f"namespace {name} is as this release makes it")
    for change in planned:
        if (refused := change.refused) is not None:
            raise refused


def _shown(planned: Sequence[Change], *, dry_run: bool) -> Iterator[str]:
    would = "would be " if dry_run else ""
    for change in planned:
        if change.newer:
            yield f"{change.what}: left as it is, with topology {change.newer} of a newer release"
        elif change.found is None and dry_run:
            yield f"{change.what}: would be created"
        for one in change.differences:
            yield f"{change.what}: {one.setting} {would}changed from {one.found} to {one.wanted}"


def _planned(planned: Sequence[Change]) -> dict[str, Any]:
    changed = [
        {
            "kind": change.kind,
            "name": change.name,
            "setting": one.setting,
            "from": one.found,
            "to": one.wanted,
            "refused": one.fixed,
        }
        for change in planned
        for one in change.differences
    ]
    return {
        "created": [change.name for change in planned if change.found is None],
        "changed": changed,
        "newer": [change.name for change in planned if change.newer],
    }


@click.group()
def namespace() -> None:
    """Look at a server's namespaces, and remove one."""


@namespace.command("list")
@connection
@as_json
def list_(target: Target, *, json_: bool) -> None:
    """List the namespaces of a server."""
    from flowworker.jetstream.topology.namespaces import namespaces

    async def look() -> list[str]:
        async with _api(target) as api:
            return await namespaces(api)

    for name in asyncio.run(look()):
        click.echo(json_line({"namespace": name}) if json_ else name)


@namespace.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection
@as_json
def delete(target: Target, name: str, *, yes: bool, json_: bool) -> None:
    """Remove namespace NAME with all that is in it: definitions, runs, histories.

    Says what is there and asks first. A namespace with active processes is not removed.
    """
    from flowworker.jetstream import Names
    from flowworker.jetstream.topology.namespaces import holdings, remove

    names = Names(name)
    if not yes and not sys.stdin.isatty():
        raise InvalidInput("stdin is no terminal to confirm on: give --yes to remove the namespace")

    async def look() -> list[Holding]:
        async with _api(target) as api:
            return await holdings(api, names)

    async def act() -> list[Holding]:
        async with _api(target) as api:
            return await remove(api, names)

    if not yes:
        click.echo(f"namespace {name} has {_summary(asyncio.run(look()))}", err=True)
        click.confirm("remove all of it?", abort=True, err=True)
    removed = asyncio.run(act())
    if json_:
        streams = [held.stream for held in removed]
        messages = sum(held.messages for held in removed)
        click.echo(json_line({"namespace": name, "removed": streams, "messages": messages}))
        return
    for held in removed:
        click.echo(f"removed stream {held.stream}, {held.messages:,} messages")
    click.echo(f"removed namespace {name}: {_summary(removed)}")


def _summary(found: Sequence[Holding]) -> str:
    messages = sum(held.messages for held in found)
    size = sum(held.bytes for held in found) / 1e6
    return f"{len(found)} streams, {messages:,} messages, {size:,.1f} MB"

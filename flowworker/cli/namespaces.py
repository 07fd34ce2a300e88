"""`setup` and `namespace`: what makes a namespace, and what removes it."""

from __future__ import annotations

__all__ = ["namespace", "setup"]

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from flowworker.cli.options import Target, as_json, check_queues, connection, queue_option
from flowworker.cli.render import json_line
from flowworker.codec.subjects import CommandLane
from flowworker.core.status import Priority
from flowworker.errors import InvalidInput
from flowworker.settings import from_environment, settings_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from flowworker.jetstream.client.api import Api
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
@connection
@as_json
def setup(target: Target, queues: tuple[str, ...], *, json_: bool) -> None:
    """Create a namespace: its streams and buckets, and the consumers of its processes.

    What exists is checked and left as it is. Coordinators and workers do the same by themselves.
    """
    from flowworker.jetstream import Names, TopologyOptions
    from flowworker.jetstream.topology.specs import consumer_specs, stream_specs
    from flowworker.jetstream.topology.streams import Topology

    check_queues(queues)
    names, settings = Names(target.namespace), settings_from(os.environ)
    options = from_environment(TopologyOptions, os.environ)

    async def create() -> int:
        async with _api(target) as api:
            topology = Topology(api, names, options)
            partitions = await topology.ensure()
            for commands in CommandLane:
                await topology.consumer(consumer_specs.commands(names, commands))
            await topology.consumer(consumer_specs.timers(names))
            for partition in range(partitions):
                await topology.consumer(consumer_specs.scheduler(names, settings, partition))
            for queue in queues:
                for priority in Priority:
                    lane = consumer_specs.lane(names, settings, queue, priority)
                    await topology.consumer(lane)
            return partitions

    partitions = asyncio.run(create())
    streams = len(stream_specs(names, options))
    if json_:
        made = {"namespace": target.namespace, "streams": streams, "partitions": partitions}
        click.echo(json_line(made))
    else:
        click.echo(
            f"namespace {target.namespace} is there: {streams} streams, {partitions} partitions"
        )


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

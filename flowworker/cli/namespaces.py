"""`namespace`: the namespaces of a server; their removal, backups, and what is made of these."""

from __future__ import annotations

__all__ = ["namespace"]

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from flowworker.cli.backups import backup, restore
from flowworker.cli.options import Target, as_json, connected, connection
from flowworker.cli.render import json_line
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.jetstream.topology.namespaces import Holding


@click.group()
def namespace() -> None:
    """Look at a server's namespaces, remove one, back one up, restore one."""


@namespace.command("list")
@connection
@as_json
def list_(target: Target, *, json_: bool) -> None:
    """List the namespaces of a server."""
    from flowworker.jetstream import Names
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.topology.namespaces import namespaces, outlives

    async def look() -> dict[str, str]:
        async with connected(target) as made:
            api = Api(made)
            names = await namespaces(api)
            return {name: await outlives(api, Names(name)) if json_ else "" for name in names}

    for name, durability in asyncio.run(look()).items():
        about = {"namespace": name, "durability": durability}
        click.echo(json_line(about) if json_ else name)


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
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.topology.namespaces import holdings, remove
    from flowworker.jetstream.topology.spread import names_of

    names = Names(name)
    if not yes and not sys.stdin.isatty():
        raise InvalidInput("stdin is no terminal to confirm on: give --yes to remove the namespace")

    async def look() -> list[Holding]:
        async with connected(target) as made:
            api = Api(made)
            return await holdings(api, await names_of(api, names))

    async def act() -> list[Holding]:
        async with connected(target) as made:
            api = Api(made)
            return await remove(api, await names_of(api, names))

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


namespace.add_command(backup)
namespace.add_command(restore)


def _summary(found: Sequence[Holding]) -> str:
    messages = sum(held.messages for held in found)
    size = sum(held.bytes for held in found) / 1e6
    return f"{len(found)} streams, {messages:,} messages, {size:,.1f} MB"

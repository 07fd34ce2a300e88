"""`setup`: what makes a namespace, and brings one forward."""

from __future__ import annotations

__all__ = ["setup"]

import asyncio
import os
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.options import (
    Target,
    as_json,
    check_queues,
    connected,
    connection,
    queue_option,
)
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain
from flowworker.settings import Settings, from_environment, settings_from, variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowworker.jetstream.shards import Spread
    from flowworker.jetstream.topology.migration import Change


@click.command()
@queue_option
@click.option("--dry-run", is_flag=True, help="Print what would be done; change nothing.")
@connection
@as_json
def setup(target: Target, queues: tuple[str, ...], *, dry_run: bool, json_: bool) -> None:
    """Create a namespace, or bring one to what this release makes of it.

    Its streams and buckets, and the consumers of its processes. What exists is changed where it is
    not as it must be; what cannot be changed is refused, before anything is. Settings that
    variables give, and that must be equal over the fleet, are the fleet's from then on.
    Coordinators and workers create what is missing by themselves, and change nothing.
    """
    from flowworker import agreement
    from flowworker.jetstream import Names, TopologyOptions
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.topology.durability import check_cluster
    from flowworker.jetstream.topology.migration import Migration
    from flowworker.jetstream.topology.specs import stream_specs

    check_queues(queues)
    names, settings = Names(target.namespace), settings_from(os.environ)
    options = from_environment(TopologyOptions, os.environ)

    given = {name for name in Settings.__struct_fields__ if os.environ.get(variable(name))}

    def agree(before: str) -> str:
        return agreement.renewed(before, settings, given)

    async def act() -> tuple[list[Change], Spread, str]:
        async with connected(target) as made:
            check_cluster(options.durability, made.client.cluster)
            migration = Migration(Api(made), names, options, settings, queues, agree)
            planned = await migration.plan()
            if not dry_run:
                await migration.carry_out(planned)
            return planned, migration.spread, migration.durability

    planned, spread, durability = asyncio.run(act())
    name, streams = target.namespace, len(stream_specs(Names(target.namespace, spread), options))
    if json_:
        about = {"namespace": name, "streams": streams, **spread._asdict()}
        click.echo(json_line({**about, "dry_run": dry_run, **_planned(planned)}))
    else:
        for line in _shown(planned, dry_run=dry_run):
            click.echo(plain(line))
        if not dry_run:
            of = f" in {spread.shards} shards" if spread.shards > 1 else ""
            has = f"{streams} streams, {spread.partitions} partitions{of}, durability {durability}"
            click.echo(f"namespace {name} is there: {has}")
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

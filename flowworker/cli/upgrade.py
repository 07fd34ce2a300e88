"""`upgrade --check`: may processes of this release join a fleet, and in which order?"""

from __future__ import annotations

__all__ = ["upgrade"]

import asyncio
import os
from contextlib import aclosing
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from flowworker.cli.errors import FAILED
from flowworker.cli.options import Target, as_json, connected, connection
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain
from flowworker.errors import TopologyMismatch
from flowworker.settings import from_environment, settings_from

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flowworker.jetstream.findings import Finding
    from flowworker.jetstream.topology.migration import Migration

_ORDER = (
    "back the namespace up",
    "`flowworker setup` of this release, if streams would change",
    "coordinators, one by one",
    "workers, one by one",
    "clients; then register definitions that use what is new",
)


@click.command()
@click.option("--check", is_flag=True, required=True, help="Look, and change nothing.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Read at most so many runs of each state, step messages and events.",
)
@connection
@as_json
@click.pass_context
def upgrade(ctx: click.Context, target: Target, *, check: bool, sample: int, json_: bool) -> None:
    """Compare this release with what a namespace has.

    What its streams would be changed to, whether this release reads what is stored, and what to
    do in which order. Exit code 1 if it is not safe.
    """
    del check  # upgrades are made by whatever deploys the processes

    async def run() -> bool:
        safe = True
        async with aclosing(_findings(target, sample)) as findings:
            async for finding in findings:
                safe = safe and finding.ok
                if json_:
                    click.echo(json_line(finding))
                    continue
                mark = click.style("ok     ", fg="green")
                mark = mark if finding.ok else click.style("problem", fg="red")
                advice = f"\n        {plain(finding.advice)}" if finding.advice else ""
                click.echo(f"{mark} {plain(finding.check)}: {plain(finding.found)}{advice}")
        return safe

    if not asyncio.run(run()):
        if not json_:
            click.echo("not safe: see the problems above")
        ctx.exit(FAILED)
    if not json_:
        click.echo("safe, in this order:")
        for number, step in enumerate(_ORDER, 1):
            click.echo(f"  {number}. {step}")


async def _findings(target: Target, sample: int) -> AsyncGenerator[Finding, None]:
    from flowworker.cli.readability import Readability
    from flowworker.jetstream import Names, TopologyOptions
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.subjects import subjects_of
    from flowworker.jetstream.findings import Finding
    from flowworker.jetstream.topology.migration import Migration
    from flowworker.jetstream.topology.namespaces import holdings, queues_of
    from flowworker.jetstream.topology.specs import TOPOLOGY_VERSION
    from flowworker.jetstream.topology.spread import names_of

    target_names = Names(target.namespace)
    yield Finding(
        "release",
        ok=True,
        found=f"flowworker {version('flowworker')}, topology {TOPOLOGY_VERSION}",
    )
    async with connected(target) as made:
        api = Api(made)
        names = await names_of(api, target_names)
        held = {each.stream for each in await holdings(api, names)}
        options = from_environment(TopologyOptions, os.environ)
        queues = sorted(await queues_of(api, names)) if names.first.steps in held else []
        migration = Migration(api, names, options, settings_from(os.environ), queues)
        yield await _topology(migration)
        buckets = [shard.runs for shard in names.shards] + [names.definitions, names.locks]
        read = [stream for shard in names.shards for stream in (shard.steps, shard.events)]
        read += [bucket.stream for bucket in buckets]
        if lacking := [stream for stream in read if stream not in held]:
            yield Finding(
                "stored",
                ok=False,
                found=f"there is no stream {', '.join(lacking)}: it was removed, or a restore cut "
                "short",
                advice="restore the namespace from a backup; `flowworker setup` makes what is "
                "missing anew, and empty",
            )
            return
        subject = names.locks.filter("coordinator.*")
        there = len(await subjects_of(api, names.locks.stream, subject))
        yield Finding(
            "fleet", ok=True, found=f"{there} coordinators, queues {', '.join(queues) or 'none'}"
        )
        async for finding in Readability(made, names, sample).findings():
            yield finding


async def _topology(migration: Migration) -> Finding:
    from flowworker.jetstream.findings import Finding

    try:
        planned = await migration.plan()
    except TopologyMismatch as error:
        found, _, advice = str(error).partition("; ")
        return Finding("streams", ok=False, found=found, advice=advice)
    newer = [one.what for one in planned if one.newer]
    if newer:
        return Finding(
            "streams",
            ok=False,
            found=f"a newer release has set {', '.join(newer)}",
            advice="this release is the older one: check with the newer one",
        )
    for change in planned:
        if (refused := change.refused) is not None:
            found, _, advice = str(refused).partition("; ")
            return Finding("streams", ok=False, found=found, advice=advice)
    if not planned:
        return Finding("streams", ok=True, found="as this release makes them")
    count = sum(len(one.differences) or 1 for one in planned)
    return Finding(
        "streams",
        ok=True,
        found=f"{count} changes of {', '.join(one.what for one in planned)}",
        advice="`flowworker setup --dry-run` shows each, and `flowworker setup` makes them",
    )

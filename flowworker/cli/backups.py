"""`namespace backup` and `namespace restore`: a namespace as a folder, and back."""

from __future__ import annotations

__all__ = ["backup", "restore"]

import asyncio
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.options import Target, as_json, connected, connection
from flowworker.cli.render import json_line
from flowworker.clock import SystemClock
from flowworker.settings import from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.status import RunStatus
    from flowworker.jetstream.manifest import Manifest, Part


@click.command()
@click.argument("name")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@connection
@as_json
def backup(target: Target, name: str, folder: Path, *, json_: bool) -> None:
    """Back namespace NAME up to FOLDER, which is new or empty. Its fleet may go on."""
    from flowworker.jetstream import Names
    from flowworker.jetstream.backups import take
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.topology.spread import names_of

    names = Names(name)

    async def act() -> Manifest:
        async with connected(target) as made:
            release, shown = version("flowworker"), _shown("took", json=json_)
            found = await names_of(Api(made), names)
            return await take(made, found, folder, release, SystemClock().now, shown)

    manifest = asyncio.run(act())
    if json_:
        click.echo(json_line({**_about(manifest), "folder": str(folder)}))
    else:
        size = sum(part.size for part in manifest.streams) / 1e6
        seconds = manifest.ended - manifest.began
        click.echo(f"backed namespace {name} up to {folder}: {size:,.1f} MB in {seconds:.1f} s")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@connection
@as_json
def restore(target: Target, folder: Path, *, json_: bool) -> None:
    """Make a namespace of the backup in FOLDER, under the name that it had.

    It must not exist: stop its fleet, and start it again when this is done.
    """
    from flowworker.jetstream import TopologyOptions
    from flowworker.jetstream.backups import restore as restored
    from flowworker.jetstream.manifest import manifest_of

    manifest = manifest_of(folder)
    replicas = from_environment(TopologyOptions, os.environ).replicas

    async def act() -> dict[RunStatus, int]:
        async with connected(target) as made:
            return await restored(made, manifest, folder, replicas, _shown("made", json=json_))

    runs = {str(status): count for status, count in asyncio.run(act()).items() if count}
    if json_:
        click.echo(json_line({**_about(manifest), "runs": runs}))
    else:
        counted = ", ".join(f"{count:,} {status}" for status, count in runs.items()) or "none"
        click.echo(f"restored namespace {manifest.namespace}; runs: {counted}")


def _about(manifest: Manifest) -> dict[str, Any]:
    streams = {part.stream: part.messages for part in manifest.streams}
    return {
        "namespace": manifest.namespace,
        "release": manifest.release,
        "began": manifest.began,
        "ended": manifest.ended,
        "messages": streams,
    }


def _shown(what: str, *, json: bool) -> Callable[[Part], None]:
    def show(part: Part) -> None:
        if not json:
            click.echo(f"{what} stream {part.stream}, {part.messages:,} messages")

    return show

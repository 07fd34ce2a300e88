"""`doctor`: is everything as it must be, and if not, what is to be done?"""

from __future__ import annotations

__all__ = ["doctor"]

import asyncio
import os
from contextlib import aclosing
from functools import partial
from typing import Any

import click

from flowworker import agreement
from flowworker.cli.errors import FAILED
from flowworker.cli.options import Target, as_json, connection
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain
from flowworker.settings import from_environment, settings_from


@click.command()
@click.option("--fix", is_flag=True, help="Create what is missing; nothing that exists is changed.")
@click.option("--no-fleet", is_flag=True, help="Expect no processes: before a fleet is started.")
@click.option(
    "--lag",
    type=click.FloatRange(min=0.0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="What has waited for longer is a problem.",
)
@connection
@as_json
@click.pass_context
def doctor(
    ctx: click.Context, target: Target, *, fix: bool, no_fleet: bool, lag: float, json_: bool
) -> None:
    """Check the server, its streams, what waits in them, who works there, and the clocks.

    Exit code 1 if a check did not pass.
    """
    from flowworker.jetstream import TopologyOptions
    from flowworker.jetstream.doctor import examine
    from flowworker.telemetry.log import configure_logging

    async def run() -> bool:
        well = True
        options = target.options("flowworker-doctor")
        settings = settings_from(os.environ)
        topology = from_environment(TopologyOptions, os.environ)
        agreed = partial(agreement.check, settings=settings, member=True), agreement.hidden
        how: Any = {"fix": fix, "fleet": not no_fleet, "lag": lag}
        examination = examine(options, target.namespace, settings, topology, *agreed, **how)
        async with aclosing(examination) as findings:
            async for finding in findings:
                well = well and finding.ok
                if json_:
                    click.echo(json_line(finding))
                    continue
                mark = click.style("ok     ", fg="green") if finding.ok else "problem"
                mark = mark if finding.ok else click.style(mark, fg="red")
                advice = f"\n        {plain(finding.advice)}" if finding.advice else ""
                click.echo(f"{mark} {plain(finding.check)}: {plain(finding.found)}{advice}")
        return well

    configure_logging(json=False, level="error")
    if not asyncio.run(run()):
        ctx.exit(FAILED)

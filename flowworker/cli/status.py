"""`status`: a run, one step of it, or what that was given or has put out."""

from __future__ import annotations

__all__ = ["status"]

from typing import TYPE_CHECKING

import click

from flowworker.cli.options import Target, as_json, connection, reveal_option, run_client
from flowworker.core.status import TERMINAL
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.client import Client


@click.command()
@click.argument("run")
@click.option("--step", default="", metavar="STEP", help="One step: `charge`, or `resize[3]`.")
@click.option("--input", "part", flag_value="input", help="Print only what it is given, as JSON.")
@click.option("--output", "part", flag_value="output", help="Print only what it has put out.")
@click.option(
    "--iteration",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --step and --output: of that iteration.",
)
@connection
@reveal_option
@as_json
def status(
    target: Target,
    run: str,
    *,
    step: str,
    part: str | None,
    iteration: int | None,
    reveal: bool,
    json_: bool,
) -> None:
    """Show a run and its steps, and the runs that these are; or one step."""
    if iteration is not None and not (step and part == "output"):
        raise click.UsageError("--iteration goes with --step and --output.")

    from flowworker.cli.payloads import print_details, print_step
    from flowworker.cli.render import json_line, print_run

    async def look(client: Client) -> None:
        if part == "input":
            click.echo(await client.input_of(run, step, reveal=reveal))
        elif part == "output":
            click.echo(await _output(client, run, step, iteration or 0, reveal=reveal))
        elif step:
            found = await client.step(run, step, reveal=reveal)
            if json_:
                click.echo(json_line(found))
            else:
                print_step(run, found)
        else:
            view = await client.status(run, children=True, values=True, reveal=reveal, why=True)
            if json_:
                click.echo(json_line(view))
            else:
                print_run(view)
                print_details(view)

    run_client(target, look)


async def _output(client: Client, run: str, step: str, iteration: int, *, reveal: bool) -> bytes:
    from flowworker.codec.json import encode

    if step:
        return await client.output_of(run, step, iteration=iteration, reveal=reveal)
    state = (await client.status(run)).status
    if state not in TERMINAL:
        raise InvalidInput(f"run {run} has not ended: it is {state}")
    result = await client.result(run)
    return encode((result if reveal else await client.redacted(result)).output)

"""`rerun` and `retry`: a new run that goes on from what an ended one has completed."""

from __future__ import annotations

__all__ = ["rerun", "retry"]

from typing import TYPE_CHECKING, Any

import click
import msgspec

from flowworker.acts import Rerun, Retry
from flowworker.cli.choosing import Chosen, choosing
from flowworker.cli.errors import FAILED
from flowworker.cli.many import act_on
from flowworker.cli.options import (
    Target,
    as_json,
    connection,
    read_object,
    reveal_option,
    run_client,
)
from flowworker.cli.render import json_line
from flowworker.cli.runs import begun
from flowworker.cli.tables import plain, print_table
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.client import Client
    from flowworker.client.reruns import RerunView

_ID = click.option("--id", "new_id", help="Id of the new run; generated if not given.")
_WAIT = click.option("--wait", is_flag=True, help="Wait for the end and print the result as JSON.")


@click.command()
@choosing
@click.option("--from", "from_step", default="", metavar="STEP", help="It, and what is behind it.")
@click.option("--failed", is_flag=True, help="What was not completed, and what is behind that.")
@click.option("--input", "input_", metavar="JSON|@FILE", help="Instead of the run's input.")
@click.option(
    "--definition",
    type=click.Choice(["latest"]),
    help="By what is registered now; otherwise by the definition of the run.",
)
@_ID
@_WAIT
@connection
@reveal_option
@as_json
@click.pass_context
def rerun(
    ctx: click.Context,
    target: Target,
    chosen: Chosen,
    /,
    *,
    definition: str | None,
    input_: str | None,
    new_id: str | None,
    **how: Any,
) -> None:
    """Do ended runs again, or a part of them, as new runs."""
    what = {name: how.pop(name) for name in ("from_step", "failed")}
    what["latest"] = definition is not None
    if all(what[name] for name in ("from_step", "failed")):
        raise click.UsageError("--from and --failed exclude each other.")
    value = None if input_ is None else read_object("--input", input_)
    if not chosen.alone:
        given = None if value is None else msgspec.json.decode(value)
        _begin_many(target, chosen, Rerun(**what, input=given), new_id, **how)
    elif chosen.dry_run:
        _show(ctx, target, chosen.alone, what, json_=how["json_"])
    else:
        _begin(ctx, target, chosen.alone, what, {"input": value, "new_id": new_id}, **how)


@click.command()
@choosing
@_ID
@_WAIT
@connection
@reveal_option
@as_json
@click.pass_context
def retry(
    ctx: click.Context, target: Target, chosen: Chosen, /, *, new_id: str | None, **how: Any
) -> None:
    """Do again what runs have not completed: `rerun --failed`."""
    what = {"failed": True}
    if not chosen.alone:
        _begin_many(target, chosen, Retry(), new_id, **how)
    elif chosen.dry_run:
        _show(ctx, target, chosen.alone, what, json_=how["json_"])
    else:
        _begin(ctx, target, chosen.alone, what, {"new_id": new_id}, **how)


def _begin_many(
    target: Target,
    chosen: Chosen,
    act: Rerun | Retry,
    new_id: str | None,
    *,
    wait: bool,
    reveal: bool,
    json_: bool,
) -> None:
    for option, given in (("--id", new_id), ("--wait", wait), ("--reveal", reveal)):
        if given:
            raise click.UsageError(f"{option} goes with a single run.")
    act_on(target, chosen, act, json_=json_)


def _show(
    ctx: click.Context, target: Target, run: str, what: dict[str, Any], *, json_: bool
) -> None:
    async def look(client: Client) -> RerunView:
        return await client.plan_rerun(run, **what)

    planned = run_client(target, look)
    if json_:
        click.echo(json_line(planned))
    else:
        rows = [[step.id, "kept" if step.kept else "runs", step.why] for step in planned.steps]
        if rows:
            print_table(("STEP", "DOES", "WHY"), rows, status=1)
        for problem in planned.problems:
            click.echo(f"problem: {plain(problem)}", err=True)
    if planned.problems:
        ctx.exit(FAILED)


def _begin(
    ctx: click.Context,
    target: Target,
    run: str,
    what: dict[str, Any],
    how: dict[str, Any],
    *,
    wait: bool,
    reveal: bool,
    json_: bool,
) -> None:
    async def begin(client: Client) -> str:
        planned = await client.plan_rerun(run, **what)
        if planned.problems:  # raise now what the coordinator would reject later
            raise InvalidInput("; ".join(planned.problems))
        return await client.rerun(run, **what, **how)

    begun(ctx, target, begin, None, wait=wait, reveal=reveal, json_=json_)

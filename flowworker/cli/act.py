"""Commands to a run: to stop it, to answer it, to signal to it."""

from __future__ import annotations

__all__ = ["approve", "cancel", "reject", "resume", "signal", "terminate"]

import getpass
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from msgspec import Raw

from flowworker.cli.options import Target, as_json, connection, read_json, run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain
from flowworker.core.status import APPROVALS, HumanAction

if TYPE_CHECKING:
    from flowworker.client import Client

_RUN = click.argument("run")
_REASON = click.option("--reason", default="", help="Stored as the run's error.")


def _requested(run: str, action: str, *, json_: bool) -> None:
    """Print the request, which is stored and will be followed soon."""
    if json_:
        click.echo(json_line({"id": run, "requested": action}))
    else:
        click.echo(plain(f"{action} of run {run} is requested"))


@click.command()
@_RUN
@_REASON
@connection
@as_json
def cancel(target: Target, run: str, reason: str, *, json_: bool) -> None:
    """Stop a run, undo what it has completed, and end CANCELLED."""

    async def act(client: Client) -> None:
        await client.cancel(run, reason)

    run_client(target, act)
    _requested(run, "cancel", json_=json_)


@click.command()
@_RUN
@_REASON
@connection
@as_json
def terminate(target: Target, run: str, reason: str, *, json_: bool) -> None:
    """Stop a run at once, without undoing anything."""

    async def act(client: Client) -> None:
        await client.terminate(run, reason)

    run_client(target, act)
    _requested(run, "terminate", json_=json_)


@click.command()
@_RUN
@click.option(
    "--action",
    required=True,
    type=click.Choice([one.value for one in HumanAction if one not in APPROVALS]),
    help="retry: all attempts again. cancel: the step fails. skip: go on without it. "
    "complete: go on as if it had put out --output.",
)
@click.option("--step", default="", help="Which step, if several wait.")
@click.option("--output", metavar="JSON|@FILE", help="The step's output, for complete.")
@connection
@as_json
def resume(
    target: Target,
    run: str,
    *,
    action: str,
    step: str,
    output: str | None,
    json_: bool,
) -> None:
    """Answer a step that waits for a human."""
    value = None if output is None else Raw(read_json("--output", output))

    async def act(client: Client) -> None:
        await client.resume(run, action, step, value)

    run_client(target, act)
    _requested(run, f"resume ({action})", json_=json_)


@click.command()
@_RUN
@click.argument("name")
@click.argument("payload", metavar="[JSON|@FILE]", default="null")
@click.option("--id", "signal_id", help="Idempotency key: of several with it, one counts.")
@connection
@as_json
def signal(
    target: Target, run: str, name: str, payload: str, *, signal_id: str | None, json_: bool
) -> None:
    """Send the signal NAME, with a payload, to a run."""
    value = Raw(read_json("JSON", payload))

    async def act(client: Client) -> None:
        await client.signal(run, name, value, signal_id=signal_id)

    run_client(target, act)
    _requested(run, f"signal {name}", json_=json_)


_STEP = click.option("--step", default="", help="Which step, if several ask.")
_ACTOR = click.option("--actor", help="Who answers; the user of this system if not given.")


def _user() -> str:
    with suppress(OSError, KeyError):  # a container may have none
        return getpass.getuser()
    return ""


@click.command()
@_RUN
@_STEP
@click.option("--output", metavar="JSON|@FILE", help="The step's output; {} if not given.")
@click.option("--reason", default="", help="Why; kept with the answer.")
@_ACTOR
@connection
@as_json
def approve(
    target: Target,
    run: str,
    *,
    step: str,
    output: str | None,
    reason: str,
    actor: str | None,
    json_: bool,
) -> None:
    """Approve what a step of a run asks."""
    value = None if output is None else Raw(read_json("--output", output))

    async def act(client: Client) -> None:
        await client.approve(
            run, step, value, reason=reason, actor=_user() if actor is None else actor
        )

    run_client(target, act)
    _requested(run, "approve", json_=json_)


@click.command()
@_RUN
@_STEP
@click.option("--reason", required=True, help="Why; the step fails with it.")
@_ACTOR
@connection
@as_json
def reject(
    target: Target, run: str, *, step: str, reason: str, actor: str | None, json_: bool
) -> None:
    """Reject what a step of a run asks: the step fails."""

    async def act(client: Client) -> None:
        await client.reject(run, reason, step, actor=_user() if actor is None else actor)

    run_client(target, act)
    _requested(run, "reject", json_=json_)

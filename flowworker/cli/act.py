"""Commands to runs: to stop them, to answer them, to signal to them."""

from __future__ import annotations

__all__ = [
    "approve",
    "cancel",
    "perform",
    "reject",
    "resume",
    "signal",
    "terminate",
    "user",
]

import getpass
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import click
from msgspec import Raw

from flowworker.acts import Approve, Cancel, Reject, Resume, Signal, Terminate, name_of
from flowworker.cli.choosing import Chosen, choosing, choosing_by_option
from flowworker.cli.many import act_on
from flowworker.cli.options import Target, as_json, connection, read_json, run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain
from flowworker.core.status import APPROVALS, HumanAction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.acts import Act
    from flowworker.client import Client

_REASON = click.option("--reason", default="", help="Stored as the run's error.")


def perform(
    target: Target,
    chosen: Chosen,
    act: Act,
    alone: Callable[[Client, str], Awaitable[None]],
    *,
    json_: bool,
    named: str = "",
) -> None:
    """Act on several runs, or, as every time one is what is meant, on that one alone.

    That one is then said to be `named`, if that is more than the name of the act.
    """
    if chosen.dry_run or not chosen.alone:
        act_on(target, chosen, act, json_=json_)
        return
    run_client(target, lambda client: alone(client, chosen.alone))
    _requested(chosen.alone, named or name_of(act), json_=json_)


def _requested(run: str, action: str, *, json_: bool) -> None:
    """Print the request, which is stored and will be followed soon."""
    if json_:
        click.echo(json_line({"id": run, "requested": action}))
    else:
        click.echo(plain(f"{action} of run {run} is requested"))


@click.command()
@choosing
@_REASON
@connection
@as_json
def cancel(target: Target, chosen: Chosen, reason: str, *, json_: bool) -> None:
    """Stop runs, undo what they have completed, and end CANCELLED."""

    async def alone(client: Client, run: str) -> None:
        await client.cancel(run, reason)

    perform(target, chosen, Cancel(reason), alone, json_=json_)


@click.command()
@choosing
@_REASON
@connection
@as_json
def terminate(target: Target, chosen: Chosen, reason: str, *, json_: bool) -> None:
    """Stop runs at once, without undoing anything."""

    async def alone(client: Client, run: str) -> None:
        await client.terminate(run, reason)

    perform(target, chosen, Terminate(reason), alone, json_=json_)


@click.command()
@choosing
@click.option(
    "--action",
    required=True,
    type=click.Choice([one.value for one in HumanAction if one not in APPROVALS]),
    help="retry: all attempts again. cancel: the step fails. skip: go on without it. "
    "complete: go on as if it had put out --output.",
)
@click.option("--step", default="", help="Which step; if several wait, or for several runs.")
@click.option("--output", metavar="JSON|@FILE", help="The step's output, for complete.")
@connection
@as_json
def resume(
    target: Target,
    chosen: Chosen,
    *,
    action: Literal["retry", "skip", "complete", "cancel"],
    step: str,
    output: str | None,
    json_: bool,
) -> None:
    """Answer a step of a run that has failed and waits for a human, or of several runs."""
    value = None if output is None else Raw(read_json("--output", output))
    act = Resume(action, _named(chosen, step), value)

    async def alone(client: Client, run: str) -> None:
        await client.resume(run, action, step, value)

    perform(target, chosen, act, alone, json_=json_, named=f"resume ({action})")


@click.command()
@click.argument("words", nargs=-1, metavar="[RUN] NAME [JSON|@FILE]")
@choosing_by_option
@click.option("--id", "signal_id", help="Idempotency key: of several with it, one counts.")
@connection
@as_json
def signal(
    target: Target,
    chosen: Chosen,
    words: tuple[str, ...],
    *,
    signal_id: str | None,
    json_: bool,
) -> None:
    """Send the signal NAME, with a payload, to a run; or to several, by --run or --where."""
    chosen, name, payload = _signal_to(chosen, words)
    value = Raw(read_json("JSON", payload))

    async def alone(client: Client, run: str) -> None:
        await client.signal(run, name, value, signal_id=signal_id)

    act = Signal(name, value, signal_id or "")
    perform(target, chosen, act, alone, json_=json_, named=f"signal {name}")


def _signal_to(chosen: Chosen, words: tuple[str, ...]) -> tuple[Chosen, str, str]:
    """To which runs, the name of the signal, and its payload: the first word may be a run."""
    if chosen.runs and chosen.where is not None:
        raise click.UsageError("Give either --run, or --where and a filter.")
    if not chosen.runs and chosen.where is None:
        if not words:
            raise click.MissingParameter(param_type="argument", param_hint="'RUN'")
        chosen, words = replace(chosen, runs=words[:1]), words[1:]
    if not words:
        raise click.MissingParameter(param_type="argument", param_hint="'NAME'")
    name, *rest = words
    if len(rest) > 1:
        raise click.UsageError(
            f"Got more than a name and a payload: {', '.join(rest[1:])}. Several runs are named by "
            "--run."
        )
    return chosen, name, rest[0] if rest else "null"


_STEP = click.option("--step", default="", help="Which step; if several ask, or for several runs.")
_ACTOR = click.option("--actor", help="Who answers; the user of this system if not given.")


def user() -> str:
    """Who runs this command, by the system's name."""
    with suppress(OSError, KeyError):  # a container may have none
        return getpass.getuser()
    return ""


@click.command()
@choosing
@_STEP
@click.option("--output", metavar="JSON|@FILE", help="The step's output; {} if not given.")
@click.option("--reason", default="", help="Why; kept with the answer.")
@_ACTOR
@connection
@as_json
def approve(
    target: Target,
    chosen: Chosen,
    *,
    step: str,
    output: str | None,
    reason: str,
    actor: str | None,
    json_: bool,
) -> None:
    """Approve what a step of a run asks, or of several runs."""
    value = None if output is None else Raw(read_json("--output", output))
    act = Approve(_named(chosen, step), value, reason, user() if actor is None else actor)

    async def alone(client: Client, run: str) -> None:
        await client.approve(run, step, value, reason=reason, actor=act.actor)

    perform(target, chosen, act, alone, json_=json_)


@click.command()
@choosing
@_STEP
@click.option("--reason", required=True, help="Why; the step fails with it.")
@_ACTOR
@connection
@as_json
def reject(
    target: Target, chosen: Chosen, *, step: str, reason: str, actor: str | None, json_: bool
) -> None:
    """Reject what a step of a run asks, or of several runs: the step fails."""
    act = Reject(_named(chosen, step), reason, user() if actor is None else actor)

    async def alone(client: Client, run: str) -> None:
        await client.reject(run, reason, step, actor=act.actor)

    perform(target, chosen, act, alone, json_=json_)


def _named(chosen: Chosen, step: str) -> str:
    """The step; one has to be given for several runs."""
    if not step and not chosen.alone:
        raise click.UsageError(
            "Several runs are answered: give --step, since a run may ask something else by now."
        )
    return step

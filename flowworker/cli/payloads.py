"""How inputs, outputs and tracebacks look below a run, and all that is known of one step."""

from __future__ import annotations

__all__ = ["print_details", "print_step"]

from typing import TYPE_CHECKING

import click

from flowworker.cli.notes import lasted, notes_on, when
from flowworker.cli.render import preview
from flowworker.cli.tables import plain, print_table, state
from flowworker.codec.text import escaped
from flowworker.core.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.client import RunView, StepView

_MOST = 50
"""Steps of which a run's view shows inputs and outputs."""


def print_details(run: RunView) -> None:
    """What the steps of a run and of its children are given, put out and failed with."""
    shown = [step for step in run.each() if step.input or step.output or step.traceback]
    for step in shown[:_MOST]:
        click.echo(f"\n{plain(step.id)}")
        for line in _details(step):
            click.echo(f"  {line}")
    if len(shown) > _MOST:
        click.echo(f"\n{len(shown) - _MOST:,} more: flowworker status {run.id} --step STEP")
    for child in run.children:
        if any(step.input or step.output or step.traceback for step in child.each()):
            click.echo(f"\nrun {child.id} ({plain(child.workflow)})")
            print_details(child)


def _details(step: StepView) -> Iterator[str]:
    if step.input is not None:
        yield f"input:  {preview(step.input)}"
    if step.output is not None:
        yield f"output: {preview(step.output)}"
    yield from escaped(step.traceback, keep="\n").splitlines()


def print_step(run: str, step: StepView) -> None:
    """One step of a run."""
    lines = {
        "step": step.id,
        "of run": run,
        "state": step.status.value,
        "attempt": str(step.attempt or ""),
        "worker": step.worker,
        "started": when(step.started_at),
        "finished": when(step.finished_at),
        "took": lasted(step.started_at, step.finished_at),
        "notes": "; ".join(notes_on(step)),
        "input": "" if step.input is None else preview(step.input),
        "output": "" if step.output is None else preview(step.output),
    }
    for title, text in lines.items():
        if text:
            shown = state(text) if title == "state" else plain(text)
            click.echo(f"{title + ':':<10}{shown}")
    if step.traceback:
        click.echo(f"\n{escaped(step.traceback, keep=chr(10)).rstrip()}")
    if step.attempts:
        click.echo()
        rows = (
            [
                str(Attempt(each.kind, each.turn, each.attempt, each.iteration)),
                each.outcome,
                when(each.started_at)[11:],
                when(each.finished_at),
                each.worker,
                each.error,
            ]
            for each in step.attempts
        )
        print_table(("ATTEMPT", "OUTCOME", "STARTED", "ENDED", "WORKER", "ERROR"), rows, status=1)

"""What a run asks humans, and how they answer."""

from __future__ import annotations

__all__ = ["print_questions"]

from shlex import quote
from typing import TYPE_CHECKING

import click

from flowworker.core.status import StepStatus

if TYPE_CHECKING:
    from flowworker.client import RunView, StepView


def print_questions(run: RunView) -> None:
    """How to answer each step that waits for a human, also of the runs that steps are."""
    for step in run.each():
        if step.status is StepStatus.WAITING_HUMAN:
            click.echo(f"\nstep {step.id} waits for you: {_answers(run.id, step)}")
    for child in run.children:
        print_questions(child)


def _answers(run: str, step: StepView) -> str:
    """What a human may do about a step: one that was escalated has an error, one that asks none."""
    named = quote(step.id)  # a shell may look for files that are called like `resize[3]`
    if step.error:
        return f"flowworker resume {run} --step {named} --action retry|cancel|skip|complete"
    return (
        f"flowworker approve {run} --step {named}\n"
        f"or flowworker reject {run} --step {named} --reason WHY"
    )

"""What the end of a world leaves half done.

A run that completed is as it should be. Of one that did not, each step that completed, and that no
compensation has undone, is still done: a card that is charged for an order that failed.
"""

from __future__ import annotations

__all__ = ["half_done"]

from typing import TYPE_CHECKING

from flowworker.core.status import TERMINAL, RunStatus, StepStatus
from flowworker.simulate.people import plan_of, runs_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.client import Client
    from flowworker.core.model import Step
    from flowworker.stores.stores import Stores


async def half_done(client: Client, stores: Stores, harmless: Collection[str]) -> list[str]:
    """One line for each step that is; none for those whose handlers are `harmless`."""
    found = []
    for run in await runs_of(stores):
        view = await client.status(run)
        plan = await plan_of(stores, run)
        if plan is None:
            continue
        if view.status not in TERMINAL:
            found.append(f"{view.workflow}: it has not ended, and is {view.status}")
        elif view.status is not RunStatus.COMPLETED:
            for step in view.steps:
                definition = plan.steps[step.id]
                if not _matters(definition, harmless) or plan.closes(step.id):
                    continue
                why = _left(step.id, step.status, view.failed_compensations, definition)
                if why:
                    found.append(f"{view.workflow}: step {step.id!r} {why}; it is {view.status}")
    return found


def _matters(step: Step, harmless: Collection[str]) -> bool:
    return bool(step.uses or step.has_child) and step.uses not in harmless


def _left(step: str, status: StepStatus, failed: Collection[str], definition: Step) -> str:
    if step in failed:
        return "was completed, and its compensation failed"
    if status is not StepStatus.COMPLETED:
        return ""
    if definition.saga is None:
        return "was completed, and has no saga to undo it"
    return "was completed, and was not undone"

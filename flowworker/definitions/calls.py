"""Workflows that call others: all of them must exist, and none may come to call itself."""

from __future__ import annotations

__all__ = ["circle_in", "unknown_call"]

from typing import TYPE_CHECKING

from flowworker.core.children import calls_in
from flowworker.core.graph import find_cycle
from flowworker.definitions.problems import nearest
from flowworker.definitions.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from flowworker.core.model import Workflow


def circle_in(workflows: Iterable[Workflow]) -> list[str] | None:
    """Names of workflows of which each calls the next, the first and the last the same; or None.

    What calls workflows that are not among these is not followed.
    """
    calls = {workflow.name: calls_in(workflow) for workflow in workflows}
    known = {name: [each for each in called if each in calls] for name, called in calls.items()}
    return find_cycle(known)


def unknown_call(workflow: Workflow, name: str, known: Collection[str]) -> str:
    """What is wrong with the call of a workflow that does not exist, in one line."""
    step = calls_in(workflow)[name]
    hint = nearest(name, known)
    hint = f" ({hint})" if hint else ""
    call = f"workflow {quoted(workflow.name)}: step {quoted(step)} calls workflow {quoted(name)}"
    return (
        f"{call}, which is not registered{hint}; register it before this one, or together with it"
    )

"""The workflows of a test, and what they use."""

from __future__ import annotations

__all__ = ["handlers_of", "read"]

from os import PathLike
from typing import TYPE_CHECKING

from flowworker.definitions import Parser, load_paths
from flowworker.errors import DefinitionError, InvalidInput

if TYPE_CHECKING:
    from flowworker.core.model import Step, Workflow


def read(given: tuple[Workflow | str | PathLike[str], ...]) -> dict[str, Workflow]:
    """All workflows by name."""
    paths = [each for each in given if isinstance(each, str | PathLike)]
    found = {each.name: each for _, each in load_paths(paths)} if paths else {}
    for each in given:
        if isinstance(each, str | PathLike):
            continue
        Parser().validate(each)
        if found.setdefault(each.name, each) != each:
            raise DefinitionError([f"workflow {each.name!r} is defined differently elsewhere"])
    if not found:
        raise InvalidInput("expected a workflow, or a file or folder with some, found none")
    return found


def handlers_of(workflow: Workflow) -> set[str]:
    """Names of the handlers that a workflow uses, in its groups too."""
    steps = (*workflow.steps, *workflow.finally_)
    return {name for step in steps for name in _used_by(step) if name}


def _used_by(step: Step) -> tuple[str, ...]:
    others = (step.fallback, step.saga)
    within = (name for each in step.steps for name in _used_by(each))
    return (step.uses, *(each.uses for each in others if each is not None), *within)

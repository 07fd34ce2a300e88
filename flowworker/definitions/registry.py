"""The workflows that a process knows, by name."""

from __future__ import annotations

__all__ = ["Registry"]

from typing import TYPE_CHECKING

from flowworker.core.children import calls_in
from flowworker.definitions.problems import nearest
from flowworker.definitions.tree import quoted
from flowworker.definitions.validate import check_workflow
from flowworker.errors import WorkflowNotFound

if TYPE_CHECKING:
    from flowworker.core.model import Workflow


class Registry:
    """The workflows of one process; a later definition of a name replaces the earlier one."""

    def __init__(self) -> None:
        self._workflows: dict[str, Workflow] = {}

    def register(self, workflow: Workflow) -> None:
        """Add a workflow.

        Raises:
            DefinitionError: it breaks the rules for definitions; with every problem.
        """
        check_workflow(workflow)
        self._workflows[workflow.name] = workflow

    def get(self, name: str) -> Workflow:
        """The workflow of that name.

        Raises:
            WorkflowNotFound: there is none.
        """
        try:
            return self._workflows[name]
        except KeyError:
            hint = nearest(name, self._workflows)
            message = f"no workflow {quoted(name)} is registered"
            raise WorkflowNotFound(f"{message} ({hint})" if hint else message) from None

    def with_called(self, workflow: Workflow) -> list[Workflow]:
        """A workflow, and those that it calls, directly or not, as far as they are known."""
        found = {workflow.name: workflow}
        left = [workflow]
        while left:
            for name in calls_in(left.pop()):
                called = self._workflows.get(name)
                if called is not None and name not in found:
                    found[name] = called
                    left.append(called)
        return [*found.values()]

    def list(self) -> list[Workflow]:
        """All workflows, in the order of their first registration."""
        return [*self._workflows.values()]

"""Labels of definitions, for a run that is about to begin."""

from __future__ import annotations

__all__ = ["Labels"]

from typing import TYPE_CHECKING, Any

from flowworker.core.labels import check_labels
from flowworker.definitions.labels import OF_INPUT, compiled, evaluated
from flowworker.errors import InvalidInput
from flowworker.expressions import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.model import Workflow
    from flowworker.expressions import Template

_SCOPE = Scope(base=OF_INPUT)
_NOTHING = (None, "")


class Labels:
    """Evaluates them, compiled once for all runs of a definition."""

    def __init__(self) -> None:
        self._compiled: dict[str, tuple[dict[str, str], dict[str, Template]]] = {}

    def of(
        self, workflow: Workflow, value: Mapping[str, Any], given: Mapping[str, str]
    ) -> dict[str, str]:
        """The labels of a run: those that its start gives it, and of the workflow's the others.

        What comes to null or an empty text is left out; numbers, true and false become texts as in
        JSON. What its start gives is not evaluated.

        Args:
            workflow: its definition.
            value: its input, defaults filled in.
            given: by its start.

        Raises:
            InvalidInput: one has no value, or is no label; or there are too many.
        """
        found = dict(given)
        for name, template in self._templates(workflow).items():
            label = None if name in given else evaluated(name, template, {"input": value})
            if label not in _NOTHING:
                found[name] = label
        return check_labels(found)

    def given(
        self, workflow: Workflow, value: Mapping[str, Any], labels: Mapping[str, str]
    ) -> dict[str, str]:
        """Of the labels of a run with that input those that it has by its start."""
        templates = self._templates(workflow)
        return {
            name: label
            for name, label in labels.items()
            if name not in templates or not _comes_to(name, templates[name], value, label)
        }

    def _templates(self, workflow: Workflow) -> dict[str, Template]:
        given = workflow.labels or {}
        known = self._compiled.get(workflow.name)
        if known is not None and known[0] == given:
            return known[1]
        found = {name: compiled(name, text, _SCOPE) for name, text in given.items()}
        self._compiled[workflow.name] = given, found
        return found


def _comes_to(name: str, template: Template, value: Mapping[str, Any], label: str) -> bool:
    try:
        return bool(evaluated(name, template, {"input": value}) == label)
    except InvalidInput:
        return False

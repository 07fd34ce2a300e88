"""Labels of definitions, for a run that is about to begin."""

from __future__ import annotations

__all__ = ["Labels"]

from typing import TYPE_CHECKING, Any

from flowworker.core.labels import check_labels
from flowworker.definitions.labels import OF_INPUT
from flowworker.errors import ExpressionError, InvalidInput
from flowworker.expressions import Scope, Template, compile_template
from flowworker.expressions.result import written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.model import Workflow

_SCALARS = (str, int, float, bool)
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
            label = None if name in given else _evaluated(name, template, value)
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
        compiled = {name: _compiled(name, text) for name, text in given.items()}
        self._compiled[workflow.name] = given, compiled
        return compiled


def _compiled(name: str, text: str) -> Template:
    template = compile_template(text, Scope(base=OF_INPUT))
    if isinstance(template, Template):
        return template
    # It was registered by a release that knew another language.
    raise InvalidInput(f"label {name}: {template[0][1].message}")


def _evaluated(name: str, template: Template, value: Mapping[str, Any]) -> Any:
    try:
        label = template.evaluate({"input": value})
    except ExpressionError as error:
        raise InvalidInput(f"label {name}: {error}") from error
    return written(label) if isinstance(label, _SCALARS) else label


def _comes_to(name: str, template: Template, value: Mapping[str, Any], label: str) -> bool:
    try:
        return bool(_evaluated(name, template, value) == label)
    except InvalidInput:
        return False

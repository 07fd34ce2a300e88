"""What `with` gives to handlers, held to the parameters that they have."""

from __future__ import annotations

__all__ = ["check_given"]

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flowworker.core.children import group_of
from flowworker.definitions.expressions import steps_of
from flowworker.definitions.tree import MappingNode, node_at, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from flowworker.core.model import Step, Workflow
    from flowworker.definitions.problems import Report

_Given = tuple[tuple[str, ...], str, "dict[str, Any] | None"]


def check_given(
    document: MappingNode,
    workflow: Workflow,
    report: Report,
    known_handlers: Collection[str] | None,
) -> None:
    """Report values that no parameter of the handler takes, and parameters that lack one.

    Handlers are asked for their `parameters`: by name, whether a value is required. Those that have
    none of these, or None, may be given anything.
    """
    if not isinstance(known_handlers, Mapping):
        return
    for step, node in steps_of(document, workflow):
        for path, uses, given in _of(step):
            parameters = getattr(known_handlers.get(uses), "parameters", None)
            if given is not None and parameters is not None:
                place = ".".join(path)
                title = f"{quoted(place)} of step {quoted(step.id)}"
                _check(node_at(node, path), title, uses, given, parameters, report)
        if step.steps:
            check_given(node, group_of(workflow, step), report, known_handlers)


def _of(step: Step) -> Iterator[_Given]:
    yield ("with",), step.uses, step.with_
    for key, defined in (("fallback", step.fallback), ("saga", step.saga)):
        if defined is not None:
            yield (key, "with"), defined.uses, defined.with_


def _check(
    node: Any,
    title: str,
    uses: str,
    given: dict[str, Any],
    parameters: Mapping[str, bool],
    report: Report,
) -> None:
    entries = node.entries if isinstance(node, MappingNode) else {}
    for name in given:
        if name not in parameters:
            mark = entries[name].key_mark if name in entries else node.mark
            message = f"{title}: no parameter of handler {quoted(uses)} takes {quoted(name)}"
            report.add(mark, message, report.nearest(name, parameters))
    missing = [name for name, required in parameters.items() if required and name not in given]
    for name in missing:
        message = f"{title} lacks {quoted(name)}, which handler {quoted(uses)} requires"
        report.add(node.mark, message)

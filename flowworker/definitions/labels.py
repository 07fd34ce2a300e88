"""Labels of a document: what they say is checked here, and what they may name."""

from __future__ import annotations

__all__ = ["OF_INPUT", "check_labels", "compiled", "evaluated", "labels_of"]

from typing import TYPE_CHECKING, Any

from flowworker.core.labels import LABEL_KEY, LABEL_VALUE, MAX_LABELS, is_value
from flowworker.definitions.places import add_problem
from flowworker.definitions.tree import MappingNode, ScalarNode, described, node_at, quoted
from flowworker.errors import ExpressionError, InvalidInput
from flowworker.expressions import Scope, Template, compile_template, is_template
from flowworker.expressions.result import written
from flowworker.redaction import is_secret_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.definitions.problems import Report
    from flowworker.definitions.section import Section
    from flowworker.definitions.tree import Node

OF_INPUT = ("input",)
"""What labels of a workflow may name: they are the same for whatever has that input, be it a start,
a child or a rerun, and are there before anything else of a run is."""

_SCALARS = (str, int, float, bool)
_NO_TEXTS = frozenset({"LIST", "MAP"})


def labels_of(section: Section, report: Report) -> dict[str, str] | None:
    """Names and texts, which may have expressions; None if there are none."""
    node = section.node("labels")
    if node is None:
        return None
    if not isinstance(node, MappingNode):
        section.wrong("labels", node, "a mapping of names to texts")
        return None
    if len(node.entries) > MAX_LABELS:
        message = f"{section.title} has {len(node.entries)} labels: expected at most {MAX_LABELS}"
        report.add(node.mark, message)
        return None
    found: dict[str, str] = {}
    for name, entry in node.entries.items():
        value, place = entry.node, f"label {quoted(name)} of {section.title}"
        text = value.text if isinstance(value, ScalarNode) else ""
        if LABEL_KEY.fullmatch(name) is None:
            expected = "a name of 1 to 63 letters, digits, '_', '.' and '-'"
            report.add(entry.key_mark, f"{place}: expected {expected}")
        elif isinstance(value, ScalarNode) and value.value is None:
            continue
        elif is_template(text) or is_value(text):
            found[name] = text
        else:
            message = f"{place}: expected {LABEL_VALUE}, found {described(value)}"
            report.add(value.mark, message)
    return found or None


def check_labels(
    node: Node | None,
    labels: Mapping[str, str] | None,
    scope: Scope,
    report: Report,
    title: str,
) -> None:
    """Report what is wrong with the expressions of labels.

    Args:
        node: where they stand.
        labels: what was read there.
        scope: what they may name.
        report: where problems go.
        title: what they are of, for messages.
    """
    if node is None or labels is None:
        return
    for name, text in labels.items():
        at = node_at(node, [name])
        place = f"label {quoted(name)} of {title}"
        template = compile_template(text, scope)
        if not isinstance(template, Template):
            for _, problem in template:
                add_problem(report, at, place, problem)
            continue
        kind = template.kind.partition("<")[0].upper()
        if kind in _NO_TEXTS:
            report.add(at.mark, f"{place}: expected a text, found a {kind.lower()}")
        for path in template.names.inputs:
            if is_secret_at(scope.input_schema, path):
                shown = ".".join(["input", *map(str, path)])
                hint = "labels are for all to see"
                report.add(at.mark, f"{place}: {shown} is secret", hint)


def compiled(name: str, text: str, scope: Scope) -> Template:
    """A label, ready to be evaluated.

    Raises:
        InvalidInput: it was registered by a release that knew another language.
    """
    template = compile_template(text, scope)
    if isinstance(template, Template):
        return template
    raise InvalidInput(f"label {name}: {template[0][1].message}")


def evaluated(name: str, template: Template, values: Mapping[str, Any]) -> Any:
    """What a label comes to: numbers, true and false as texts. None, or an empty text, for none.

    Raises:
        InvalidInput: it has no value.
    """
    try:
        label = template.evaluate(values)
    except ExpressionError as error:
        raise InvalidInput(f"label {name}: {error}") from error
    return written(label) if isinstance(label, _SCALARS) else label

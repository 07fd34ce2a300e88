"""What `with` gives to workflows that are called, held to their `input_schema`.

Only what is certain before anything runs: literal values, and the types of expressions.
"""

from __future__ import annotations

__all__ = ["check_passed"]

from typing import TYPE_CHECKING, Any

from flowworker.core.children import group_of
from flowworker.definitions.expressions import steps_of
from flowworker.definitions.input import InputValidator
from flowworker.definitions.tree import MappingNode, node_at, quoted
from flowworker.errors import DefinitionError, ExpressionError
from flowworker.expressions import Names, Scope, Template, compile_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.model import Step, Workflow
    from flowworker.definitions.problems import Report

_TYPES = {
    "INT": ("integer", "number"),
    "UINT": ("integer", "number"),
    "DOUBLE": ("number", "integer"),
    "STRING": ("string",),
    "BOOL": ("boolean",),
    "LIST": ("array",),
    "MAP": ("object",),
}
"""What a value of a type of expressions may be as JSON."""


def check_passed(
    document: MappingNode, workflow: Workflow, called: Mapping[str, Workflow], report: Report
) -> None:
    """Report what a called workflow would not take: it would fail when it is called.

    Args:
        document: where the workflow was read, or a group in it.
        workflow: what it was read as, without a problem.
        called: workflows by name; those that are not among them may take anything.
        report: where problems go.
    """
    for step, node in steps_of(document, workflow):
        child = called.get(step.workflow or "")
        if child is not None and child.input_schema is not None and step.with_ is not None:
            _check(node, workflow, step, child, report)
        if step.steps:
            check_passed(node, group_of(workflow, step), called, report)


def _check(
    node: MappingNode, workflow: Workflow, step: Step, child: Workflow, report: Report
) -> None:
    schema, given = child.input_schema or {}, step.with_ or {}
    properties: dict[str, Any] = schema.get("properties", {})
    title, name = f"'with' of step {quoted(step.id)}", f"workflow {quoted(child.name)}"
    is_closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
    scope = _scope(workflow, step)
    for key, value in given.items():
        mark = node_at(node, ["with", key]).mark
        if key in properties:
            for wrong in _wrong(value, scope, properties[key], schema):
                report.add(mark, f"{title}: {quoted(key)} of {name}: {wrong}")
        elif is_closed:
            hint = report.nearest(key, properties)
            report.add(mark, f"{title}: {name} takes no {quoted(key)}", hint)
    for key in schema.get("required", ()):
        if key not in given and "default" not in _as_mapping(properties.get(key)):
            report.add(
                node_at(node, ["with"]).mark, f"{title} lacks {quoted(key)}, which {name} requires"
            )


def _scope(workflow: Workflow, step: Step) -> Scope:
    """What is known of what the step can name; that it may was judged before."""
    steps = dict.fromkeys(one.id for one in (*workflow.steps, *workflow.finally_))
    names = () if step.for_each is None else (step.for_each.as_, "index")
    return Scope(workflow.input_schema, steps, dict.fromkeys(names))


def _wrong(value: Any, scope: Scope, wanted: Any, schema: dict[str, Any]) -> list[str]:
    """What is certainly wrong with a value for a property of a schema."""
    template = compile_template(value, scope)
    wanted = _as_mapping(wanted)
    if isinstance(template, Template) and template.names == Names():
        shared: dict[str, Any] = {}
        shared |= {key: schema[key] for key in ("$defs", "definitions") if key in schema}
        try:
            return InputValidator({**shared, **wanted}).problems(template.evaluate({}))
        except (DefinitionError, ExpressionError):  # it refers to what stands elsewhere; 1/0
            return []
    kind = template.kind if isinstance(template, Template) else "DYN"
    known = _TYPES.get(kind.partition("<")[0])
    types = wanted.get("type", known)
    allowed = [types] if isinstance(types, str) else types
    if known is None or set(known) & set(allowed or ()):
        return []
    return [f"expected {' or '.join(allowed)}, found {known[0]}"]


def _as_mapping(schema: Any) -> dict[str, Any]:
    """A schema; one that is true or false says nothing here."""
    return schema if isinstance(schema, dict) else {}

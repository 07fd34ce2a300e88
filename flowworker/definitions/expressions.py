"""The expressions of a document: compiled once all of it is read, with all that they may name.

`_OF_STEPS` says which keys hold them. A step may name those that come before it.
"""

from __future__ import annotations

__all__ = ["PLACES", "check_expressions", "steps_of"]

from collections import ChainMap
from collections.abc import Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.core.children import group_of
from flowworker.definitions.dependencies import IN_GROUPS
from flowworker.definitions.labels import OF_INPUT, check_labels
from flowworker.definitions.moment import is_moment
from flowworker.definitions.places import add_problem
from flowworker.definitions.some_steps import Schema, SomeSteps
from flowworker.definitions.tree import (
    MappingNode,
    Node,
    ScalarNode,
    mappings_at,
    node_at,
    plain,
    quoted,
)
from flowworker.expressions import (
    Expression,
    Scope,
    Template,
    compile_expression,
    compile_template,
    is_template,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowworker.core.model import Step, Workflow
    from flowworker.definitions.problems import Report


class _Use(Struct, frozen=True):
    """Where expressions stand in a step, and what they may name beside the steps before it.

    Attributes:
        path: the keys that lead there.
        is_bare: an expression as it is; otherwise texts, at any depth, with `${…}`.
        may_be_moment: a moment as it is is none.
        is_condition: it has to be true or false.
        roots: further ones.
        sees_itself: it is used when the step is completed, and may name it.
        may_be_literal: a text is an expression as it is, and anything else a template.
        of_whole: of a loop it is used once, and sees no item.
        sees_iterations: it is used after each iteration, and may name what that came to.
        is_key, is_number: it must be no list or map; it has to be a number.
    """

    path: tuple[str, ...]
    is_bare: bool = False
    is_condition: bool = False
    may_be_moment: bool = False
    roots: tuple[str, ...] = ()
    sees_itself: bool = False
    may_be_literal: bool = False
    of_whole: bool = False
    sees_iterations: bool = False
    is_key: bool = False
    is_number: bool = False


_OF_STEPS = (
    *(_Use((key,)) for key in ("with", "priority", "timeout", "retry", "fallback")),
    _Use(("saga",), sees_itself=True),
    _Use(("when",), is_bare=True, is_condition=True, of_whole=True),
    _Use(("for_each", "items"), is_bare=True, may_be_literal=True, of_whole=True),
    _Use(("end",)),
    _Use(("sleep",)),
    _Use(("until",), is_bare=True, may_be_moment=True),
    _Use(("repeat", "until"), is_bare=True, is_condition=True, sees_iterations=True),
    _Use(("repeat", "interval")),
    _Use(("wait_for", "match"), is_bare=True, is_condition=True, roots=("signal",)),
    _Use(("wait_for", "timeout")),
    _Use(("approval", "prompt")),
    _Use(("approval", "timeout")),
    _Use(("throttle", "key"), is_bare=True, is_key=True),
    _Use(("fairness", "key"), is_bare=True, is_key=True),
    _Use(("fairness", "weight"), is_bare=True, is_number=True),
)

_OF_LIMITS = _Use(("key",), is_bare=True, is_key=True)

_OF_DEFAULTS = (_Use(("with",)), _Use(("timeout",)))

_EVERYTHING = _Use(("output",))
_LABELS = _Use(("labels",))
_OF_SCHEDULES = (_Use(("schedules", "input")), _Use(("schedules", "labels")))

PLACES = (
    *(use.path for use in (*_OF_STEPS, _EVERYTHING, _LABELS, *_OF_SCHEDULES)),
    ("concurrency", "key"),
    ("singleton", "key"),
    ("rate_limit", "key"),
    ("debounce", "key"),
)
"""The keys of a step, of a workflow, and of its schedules, that hold expressions."""

_TRUTHS = ("BOOL", "DYN")
_NUMBERS = ("INT", "UINT", "DOUBLE", "DYN")
_WHOLE = "the workflow"
_MANY = ("LIST", "MAP", "DYN")
_NO_KEY = ("LIST", "MAP", "NULL")


def check_expressions(
    document: MappingNode,
    workflow: Workflow,
    report: Report,
    known_handlers: Collection[str] | None = None,
    title: str = _WHOLE,
) -> None:
    """Report what is wrong with the expressions of a document, or of a group in it.

    Args:
        document: what was read.
        workflow: what it was read as.
        report: where problems go.
        known_handlers: as a mapping, they are asked for their `output_schema`: the JSON Schema of
            what they return, or None.
        title: what it is, for messages.
    """
    handlers = known_handlers if isinstance(known_handlers, Mapping) else {}
    checker = _Checker(workflow, report, handlers, IN_GROUPS if title != _WHOLE else "")
    checker.check(document, _EVERYTHING, title, checker.scope())
    node = _found(document, _LABELS.path)
    check_labels(node, workflow.labels, checker.scope_of_labels(), report, title)
    for what, item in _limits_of(document) if title == _WHOLE else ():
        checker.check(item, _OF_LIMITS, f"{what} of {title}", checker.scope_of_keys())
    if isinstance(defaults := _found(document, ("defaults",)), MappingNode):
        for use in _OF_DEFAULTS:
            checker.check(defaults, use, "defaults of the workflow", checker.scope_of_defaults())
    for step, node in steps_of(document, workflow):
        for use in _OF_STEPS:
            if _found(node, use.path):
                checker.check(node, use, f"step {quoted(step.id)}", checker.scope(step, use))
        for number, item in enumerate(mappings_at(node, "concurrency"), 1):
            title = f"concurrency {number} of step {quoted(step.id)}"
            checker.check(item, _OF_LIMITS, title, checker.scope(step, _OF_LIMITS))
        if step.steps:
            group = group_of(workflow, step)
            check_expressions(node, group, report, known_handlers, f"step {quoted(step.id)}")


def _limits_of(document: MappingNode) -> Iterator[tuple[str, MappingNode]]:
    """The limits that runs fall under, each with what it is."""
    for number, item in enumerate(mappings_at(document, "concurrency"), 1):
        yield f"concurrency {number}", item
    for name in ("singleton", "throttle", "rate_limit", "debounce"):
        if isinstance(one := _found(document, (name,)), MappingNode):
            yield name, one


def steps_of(document: MappingNode, workflow: Workflow) -> Iterator[tuple[Step, MappingNode]]:
    """The steps, each with where it was read."""
    for key, steps in (("steps", workflow.steps), ("finally", workflow.finally_)):
        yield from zip(steps, mappings_at(document, key), strict=False)


def _output_of(step: Step, handlers: Mapping[str, Any]) -> Schema:
    """What a step comes to: of a loop a list, with null for each failure that it tolerates."""
    one = _one_output_of(step, handlers)
    if step.for_each is None or one is None:
        return one
    items = {key: value for key, value in one.items() if key != "$defs"}
    if step.for_each.tolerated_failures:
        items = {"anyOf": [items, {"type": "null"}]}
    return {"type": "array", "items": items, "$defs": one.get("$defs", {})}


def _one_output_of(step: Step, handlers: Mapping[str, Any]) -> Schema:
    """What a step or an instance of it comes to, by its handler, unless its fallback differs."""
    used = [step.uses] if step.fallback is None else [step.uses, step.fallback.uses]
    first, *others = [getattr(handlers.get(name), "output_schema", None) for name in used]
    return first if all(other == first for other in others) else None


def _found(node: MappingNode, path: tuple[str, ...]) -> Node | None:
    found: Node = node
    for key in path:
        if not isinstance(found, MappingNode) or key not in found.entries:
            return None
        found = found.entries[key].node
    return found


class _Checker:
    def __init__(
        self, workflow: Workflow, report: Report, handlers: Mapping[str, Any], limits: str
    ) -> None:
        self._limits = limits
        self._report = report
        self._input_schema = workflow.input_schema
        every = (*workflow.steps, *workflow.finally_)
        self._handlers = handlers
        self._outputs = {step.id: _output_of(step, handlers) for step in every}
        self._ids = frozenset(self._outputs)
        self._bits = {step: 1 << number for number, step in enumerate(self._outputs)}
        self._workflow = workflow
        self._first = (1 << len({step.id for step in workflow.steps})) - 1

    @cached_property
    def _before(self) -> dict[str, int]:
        """For each step those before it, as bits: 10,000 sets of 10,000 would take long."""
        depends_on = {
            step.id: self._ids.intersection(step.depends_on)
            for step in (*self._workflow.steps, *self._workflow.finally_)
        }
        before: dict[str, int] = dict.fromkeys(self._ids, 0)
        before |= {step.id: self._first for step in self._workflow.finally_}
        try:
            for step in TopologicalSorter(depends_on).static_order():
                for dependency in depends_on[step]:
                    before[step] |= before[dependency] | self._bits[dependency]
        except CycleError:  # which is a problem that was reported
            return dict.fromkeys(self._ids, -1)
        return before

    def scope(self, step: Step | None = None, use: _Use = _EVERYTHING) -> Scope:
        """What may be named in a step; without one, what may be when all of them are over."""
        if step is None:
            return Scope(
                self._input_schema,
                SomeSteps(self._outputs, self._bits, self._first),
                others=self._ids,
                remedy="what runs in 'finally' comes after the output",
                limits=self._limits,
            )
        named = self._before[step.id] | (self._bits[step.id] if use.sees_itself else 0)
        outputs: Mapping[str, Schema] = self._outputs
        if step.for_each is not None and use.sees_itself:
            outputs = ChainMap({step.id: _one_output_of(step, self._handlers)}, self._outputs)
        steps = SomeSteps(outputs, self._bits, named)
        roots: dict[str, Schema] = dict.fromkeys(use.roots)
        if step.for_each is not None and not use.of_whole:
            roots |= dict.fromkeys((step.for_each.as_, "index"))
        if use.sees_iterations:
            output = _one_output_of(step, self._handlers)
            roots |= {"output": output, "iterations": {"type": "integer"}}
        own = "" if use.sees_itself else step.id
        return Scope(self._input_schema, steps, roots, self._ids, own=own, limits=self._limits)

    def scope_of_defaults(self) -> Scope:
        """What may be named in what holds for all steps, the first ones too: no step."""
        remedy = "a step that comes behind it can name it in its own 'with'"
        return Scope(self._input_schema, {}, others=self._ids, remedy=remedy)

    def scope_of_labels(self) -> Scope:
        return Scope(self._input_schema, base=OF_INPUT)

    def scope_of_keys(self) -> Scope:
        return Scope(self._input_schema, base=OF_INPUT, extra={"labels": None})

    def check(self, holder: MappingNode, use: _Use, title: str, scope: Scope) -> None:
        node = _found(holder, use.path)
        place = f"{quoted('.'.join(use.path))} of {title}"
        if use.is_bare and isinstance(node, ScalarNode) and node.value is not None:
            self._check_bare(node, use, place, scope)
        elif node and (
            not use.is_bare or (use.may_be_literal and not isinstance(node, ScalarNode))
        ):
            result = compile_template(plain(node), scope)
            for path, problem in [] if isinstance(result, Template) else result:
                add_problem(self._report, node_at(node, path), place, problem)

    def _check_bare(self, node: ScalarNode, use: _Use, place: str, scope: Scope) -> None:
        if use.may_be_moment and is_moment(node.text):
            return
        result = compile_expression(node.text, scope)
        found = result.kind.lower() if isinstance(result, Expression) else ""
        if is_template(node.text):
            hint = "an expression stands here as it is, without ${ and }"
            self._report.add(node.mark, f"{place}: expected an expression", hint)
        elif not isinstance(result, Expression):
            for problem in result:
                add_problem(self._report, node, place, problem)
        elif use.is_condition and result.kind not in _TRUTHS:
            self._report.add(node.mark, f"{place}: expected true or false, found {found}")
        elif use.may_be_literal and result.kind.partition("<")[0].upper() not in _MANY:
            self._report.add(node.mark, f"{place}: expected a list or a map, found {found}")
        elif use.is_key and result.kind.partition("<")[0].upper() in _NO_KEY:
            self._report.add(node.mark, f"{place}: expected a text or a number, found {found}")
        elif use.is_number and result.kind not in _NUMBERS:
            self._report.add(node.mark, f"{place}: expected a number, found {found}")

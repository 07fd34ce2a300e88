"""A document's tree to a workflow, with everything that is wrong about it reported."""

from __future__ import annotations

__all__ = ["check_workflow", "encoded", "workflow_of"]

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from flowworker.codec.inputs import RESERVED
from flowworker.core.ids import MAX_NAME, RESERVED_QUEUES, TOKEN
from flowworker.core.model import (
    Backoff,
    Escalation,
    EscalationStrategy,
    Fallback,
    RetryPolicy,
    Saga,
    Step,
    Workflow,
)
from flowworker.core.status import Priority
from flowworker.definitions.content import encode
from flowworker.definitions.dependencies import Declaration, check_dependencies
from flowworker.definitions.document import (
    MAX_ATTEMPTS,
    MAX_BYTES,
    MAX_STEPS,
    EscalationDocument,
    FallbackDocument,
    RetryDocument,
    SagaDocument,
    StepDocument,
    WorkflowDocument,
)
from flowworker.definitions.duration import format_duration
from flowworker.definitions.foreign import system_of
from flowworker.definitions.problems import Report
from flowworker.definitions.schema import schema_problems
from flowworker.definitions.section import Located, Section
from flowworker.definitions.syntax import going_on
from flowworker.definitions.tree import (
    NOWHERE,
    MappingNode,
    Mark,
    Node,
    ScalarNode,
    SequenceNode,
    described,
    node_at,
    plain,
    quoted,
    tree_of,
)
from flowworker.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Collection


def workflow_of(
    document: Node, report: Report, known_handlers: Collection[str] | None = None
) -> Workflow:
    """The workflow that a document describes; it can be used only if nothing was reported.

    With `known_handlers`, each handler that is not among them is a problem.
    """
    return _Reader(report, known_handlers).workflow(document)


def check_workflow(workflow: Workflow) -> None:
    """Hold a workflow that was built by hand to the rules for documents.

    Raises:
        DefinitionError: with every problem.
    """
    report = Report(f"workflow {quoted(str(workflow.name))}")
    encoded(workflow, report, NOWHERE)  # raises for values of wrong types
    try:
        document = tree_of(msgspec.to_builtins(workflow))
    except ValueError as error:
        raise DefinitionError([f"{report.source}: {error}"]) from error
    workflow_of(document, report)
    if problems := report.problems:
        raise DefinitionError(problems, has_more=report.is_full)


def encoded(workflow: Workflow, report: Report, mark: Mark) -> bytes:
    """The canonical JSON of a workflow; that it is too large is reported.

    Raises:
        DefinitionError: the workflow was built by hand, from values of other types than declared.
    """
    content = encode(workflow)
    if len(content) > MAX_BYTES:
        message = f"too large: a workflow has at most {MAX_BYTES:,} bytes, found {len(content):,}"
        report.add(mark, message)
    return content


class _Reader:
    """Reads one document; what is missing or wrong reads as a default, so that reading goes on."""

    def __init__(self, report: Report, known_handlers: Collection[str] | None) -> None:
        self._report = report
        self._known_handlers = known_handlers

    def workflow(self, document: Node) -> Workflow:
        if not isinstance(document, MappingNode):
            message = f"expected a mapping with 'name' and 'steps', found {described(document)}"
            self._report.add(document.mark, message)
            return Workflow(name="", steps=())
        if system := system_of(document):
            message = f"this looks like {system}; a workflow of flowworker has a 'name' and 'steps'"
            self._report.add(document.mark, message)
            return Workflow(name="", steps=())
        section = Section(document, WorkflowDocument, "the workflow", self._report)
        # The Go package's later generation has both: an `id`, and a `name` that is a title.
        name = section.required_name("name" if section.node("id") is None else "id")
        title = section.text("name") if section.node("id") else None
        given = _given(
            version=section.text("version", MAX_NAME),
            description=section.text("description") or title,
            input_schema=self._input_schema(section),
            timeout=section.duration("timeout"),
            retention=section.duration("retention", positive=False),
            priority=section.choice("priority", Priority),
            expose_to_ai=section.flag("expose_to_ai"),
        )
        return replace(Workflow(name=name, steps=self._steps(section)), **given)

    def _steps(self, workflow: Section) -> tuple[Step, ...]:
        node = workflow.node("steps")
        if node is None:
            workflow.missing("steps", "a list of steps")
            return ()
        if not isinstance(node, SequenceNode):
            hint = "a step begins with '- id:'" if isinstance(node, MappingNode) else ""
            workflow.wrong("steps", node, "a list of steps", hint)
            return ()
        if not 1 <= len(node.items) <= MAX_STEPS:
            message = f"a workflow has 1 to {MAX_STEPS:,} steps, found {len(node.items):,}"
            self._report.add(node.mark, message)
            return ()
        steps: list[Step] = []
        declarations: list[Declaration] = []
        for number, item in enumerate(node.items, 1):
            if not isinstance(item, MappingNode):
                message = f"step {number}: expected a mapping, found {described(item)}"
                self._report.add(item.mark, message, going_on(item, self._report.lines))
                continue
            step, declaration = self._step(item, number)
            steps.append(step)
            if step.id:
                declarations.append(declaration)
        check_dependencies(declarations, self._report)
        return tuple(steps)

    def _step(self, node: MappingNode, number: int) -> tuple[Step, Declaration]:
        id_node = node_at(node, ["id"])
        title = quoted(id_node.text) if isinstance(id_node, ScalarNode) else str(number)
        section = Section(node, StepDocument, f"step {title}", self._report)
        section.text("name")
        depends_on = section.names("depends_on")
        given = _given(
            queue=section.name("queue", TOKEN),
            timeout=section.duration("timeout"),
            fallback=self._fallback(section),
            escalation=self._escalation(section),
            saga=self._saga(section),
        )
        step = Step(
            id=section.required_name("id"),
            uses=self._handler(section),
            depends_on=tuple(name for name, _ in depends_on),
            retry=self._retry(section),
        )
        if step.id in RESERVED:
            message = f"{section.title}: its id is a key of every step's input"
            self._report.add(section.mark_of("id"), message, "choose another id")
        if given.get("queue") in RESERVED_QUEUES:
            message = f"{section.title}: queue {quoted(given['queue'])} is no queue of workers"
            self._report.add(section.mark_of("queue"), message, "choose another name")
        declaration = Declaration(Located(step.id, section.mark_of("id")), depends_on)
        return replace(step, **given), declaration

    def _handler(self, section: Section, key: str = "uses") -> str:
        name = section.required_name(key)
        if name and self._known_handlers is not None and name not in self._known_handlers:
            message = f"unknown handler {quoted(name)} in {section.title}"
            hint = self._report.nearest(name, self._known_handlers)
            self._report.add(section.mark_of(key), message, hint)
        return name

    def _retry(self, step: Section) -> RetryPolicy:
        retry = step.section("retry", RetryDocument)
        policy = self._policy(retry, RetryPolicy()) if retry else RetryPolicy()
        further = step.integer("max_retries", 0, MAX_ATTEMPTS - 1)
        if further is None:
            return policy
        stated = retry.integer("max_attempts", 1, MAX_ATTEMPTS) if retry else None
        if retry and stated and stated != further + 1:
            message = f"'max_retries' of {step.title} means {further + 1} attempts"
            hint = f"but its retry has 'max_attempts' {stated}; keep one of them"
            self._report.add(step.mark_of("max_retries"), message, hint)
        return replace(policy, max_attempts=further + 1)

    def _policy(self, retry: Section, default: RetryPolicy) -> RetryPolicy:
        given = _given(
            max_attempts=retry.integer("max_attempts", 1, MAX_ATTEMPTS),
            backoff=retry.choice("backoff", Backoff),
            interval=retry.duration("interval"),
            max_interval=retry.duration("max_interval"),
            jitter=retry.fraction("jitter"),
            non_retryable=tuple(name for name, _ in retry.names("non_retryable")),
        )
        policy = replace(default, **given)
        if policy.max_interval is not None and policy.max_interval < policy.interval:
            message = f"'max_interval' of {retry.title} is shorter than its interval"
            hint = f"the interval is {format_duration(policy.interval)}"
            self._report.add(retry.mark_of("max_interval"), message, hint)
        return policy

    def _fallback(self, step: Section) -> Fallback | None:
        node = step.node("fallback")
        if isinstance(node, ScalarNode):
            return Fallback(uses=self._handler(step, "fallback"))
        section = step.section("fallback", FallbackDocument)
        if section is None:
            return None
        if section.node("uses") and section.node("step"):
            message = f"both 'uses' and 'step' in {section.title}"
            self._report.add(section.mark_of("step"), message, "they mean the same; keep 'uses'")
        key = "step" if section.node("step") else "uses"
        return Fallback(uses=self._handler(section, key))

    def _escalation(self, step: Section) -> Escalation | None:
        section = step.section("escalation", EscalationDocument)
        if section is None:
            return None
        return replace(
            Escalation(), **_given(strategy=section.choice("strategy", EscalationStrategy))
        )

    def _saga(self, step: Section) -> Saga | None:
        section = step.section("saga", SagaDocument)
        if section is None:
            return None
        saga = Saga(uses=self._handler(section))
        retry = section.section("retry", RetryDocument)
        given = _given(
            is_critical=section.flag("is_critical"),
            retry=self._policy(retry, saga.retry) if retry else None,
            timeout=section.duration("timeout"),
        )
        return replace(saga, **given)

    def _input_schema(self, workflow: Section) -> dict[str, Any] | None:
        node = workflow.node("input_schema")
        if node is None:
            return None
        if not isinstance(node, MappingNode):
            workflow.wrong("input_schema", node, "a JSON Schema")
            return None
        schema: dict[str, Any] = plain(node)
        for path, message in schema_problems(schema):
            place = quoted(".".join(["input_schema", *map(str, path)]))
            self._report.add(node_at(node, path).mark, f"{place}: {message}")
        return schema


def _given(**values: Any) -> dict[str, Any]:
    """The values that the document states; the model has the defaults of the others."""
    return {name: value for name, value in values.items() if value is not None}

"""A document's tree to a workflow, with everything that is wrong about it reported."""

from __future__ import annotations

__all__ = ["check_workflow", "encoded", "workflow_of"]

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from flowworker.core.ids import MAX_NAME
from flowworker.core.model import Workflow
from flowworker.core.status import Priority
from flowworker.definitions.content import encode
from flowworker.definitions.document import MAX_BYTES, WorkflowDocument
from flowworker.definitions.expressions import check_expressions
from flowworker.definitions.foreign import system_of
from flowworker.definitions.given import check_given
from flowworker.definitions.labels import labels_of
from flowworker.definitions.problems import Report
from flowworker.definitions.run_limits import check_nesting, run_limits_of
from flowworker.definitions.schedule_inputs import check_inputs
from flowworker.definitions.schedules import schedules_of
from flowworker.definitions.section import Section, given
from flowworker.definitions.steps import Steps
from flowworker.definitions.tree import (
    NOWHERE,
    MappingNode,
    Mark,
    Node,
    described,
    quoted,
    tree_of,
)
from flowworker.definitions.values import mapping_of, schema_of
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
        self._steps = Steps(report, known_handlers)

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
        stated = given(
            version=section.text("version", MAX_NAME),
            description=section.text("description") or title,
            input_schema=schema_of(section, "input_schema", self._report),
            timeout=section.duration("timeout"),
            retention=section.duration("retention", positive=False),
            priority=section.choice("priority", Priority),
            expose_to_ai=section.flag("expose_to_ai"),
            output=mapping_of(section, "output"),
            schedules=schedules_of(section, self._report),
            labels=labels_of(section, self._report),
            **run_limits_of(section, self._report),
        )
        steps, closing = self._steps.read(section), self._steps.closing(section)
        workflow = replace(Workflow(name=name, steps=steps, finally_=closing), **stated)
        check_expressions(document, workflow, self._report, self._known_handlers)
        check_given(document, workflow, self._report, self._known_handlers)
        check_nesting(document, workflow, self._report)
        check_inputs(document, workflow, self._report)
        return workflow

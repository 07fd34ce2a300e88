"""Steps without a handler, as a document states them: what they wait for."""

from __future__ import annotations

__all__ = ["EngineSteps"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.core.model import Approval, End, EndStatus, WaitFor
from flowworker.core.records import MAX_TEXT
from flowworker.definitions.document import CHILD_KEYS, ENGINE_KEYS
from flowworker.definitions.engine_documents import ApprovalDocument, EndDocument, WaitForDocument
from flowworker.definitions.moment import is_moment, parse_moment
from flowworker.definitions.section import given
from flowworker.definitions.tree import MappingNode, Node, ScalarNode, SequenceNode, quoted
from flowworker.definitions.values import duration_of, mapping_of, schema_of
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.definitions.problems import Report
    from flowworker.definitions.section import Section

_POLICY = ("retry", "max_retries", "fallback", "saga", "repeat")
_OF_HANDLERS = ("with", "queue", "priority", "timeout", *_POLICY)
"""Keys that say how a handler is run, or what else is run in its place."""
_OF_WORKERS = ("fallback", "saga")
"""Those of them that a worker runs, beside a step whose attempts are runs."""

_WITH_TIMEOUT = ("wait_for", "approval")


class EngineSteps:
    """Reads what such steps state."""

    def __init__(self, report: Report) -> None:
        """Report what is wrong to `report`."""
        self._report = report

    def key_of(self, step: Section) -> str:
        """The key that makes it an engine step; empty if it has a handler, or should have one."""
        stated = [key for key in ENGINE_KEYS if _is_stated(step.node(key))]
        if not stated:
            self._check_output(step)
            return ""
        first, *others = [*stated, *(["uses"] if step.node("uses") is not None else [])]
        for other in others:
            message = f"{step.title} has both {quoted(first)} and {quoted(other)}"
            self._report.add(step.mark_of(other), message, "make it two steps")
        self._check_output(step)
        if first in CHILD_KEYS:
            self._check_queue(step, first)
            return first
        for key in _OF_HANDLERS:
            node = step.node(key)
            # An empty mapping is what the model writes for its defaults.
            if node is not None and not (isinstance(node, MappingNode) and not node.entries):
                message = f"{quoted(key)} of {step.title} is about a handler, and it has none"
                hint = f"a step with {quoted(first)} runs in no worker"
                if key == "timeout" and first in _WITH_TIMEOUT:
                    hint = f"its 'timeout' stands in {quoted(first)}"
                self._report.add(step.mark_of(key), message, hint)
        return first

    def _check_output(self, step: Section) -> None:
        if step.node("output") is not None and not _is_stated(step.node("steps")):
            message = f"'output' of {step.title} is about a group, and it has no 'steps'"
            hint = "a step's output is what its handler returns, or its workflow's 'output'"
            self._report.add(step.mark_of("output"), message, hint)

    def _check_queue(self, step: Section, first: str) -> None:
        if step.node("queue") is None or any(step.node(key) is not None for key in _OF_WORKERS):
            return
        message = f"'queue' of {step.title} is about a handler, and it has none"
        hint = f"a step with {quoted(first)} runs in no worker; its own steps have queues"
        self._report.add(step.mark_of("queue"), message, hint)

    def read(self, step: Section) -> dict[str, Any]:
        """The fields of the model that the document states."""
        return given(
            sleep=duration_of(step, "sleep"),
            until=self._until(step),
            end=self._end(step),
            wait_for=self._wait_for(step),
            approval=self._approval(step),
            workflow=step.name("workflow"),
            output=mapping_of(step, "output"),
        )

    def _approval(self, step: Section) -> Approval | None:
        section = step.section("approval", ApprovalDocument)
        if section is None:
            return None
        stated = given(
            prompt=section.text("prompt", MAX_TEXT),
            schema=schema_of(section, "schema", self._report),
            timeout=duration_of(section, "timeout"),
        )
        return Approval(**stated)

    def _wait_for(self, step: Section) -> WaitFor | None:
        section = step.section("wait_for", WaitForDocument)
        if section is None:
            return None
        stated = given(match=section.text("match"), timeout=duration_of(section, "timeout"))
        return WaitFor(section.required_name("signal"), **stated)

    def _end(self, step: Section) -> End | None:
        section = step.section("end", EndDocument)
        if section is None:
            return None
        stated = given(
            status=section.choice("status", EndStatus),
            reason=section.text("reason", MAX_TEXT),
            output=mapping_of(section, "output"),
        )
        return replace(End(), **stated)

    def _until(self, step: Section) -> str | None:
        node = step.node("until")
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            step.wrong("until", node, "a moment such as 2030-01-31T08:00:00Z, or an expression")
            return None
        if is_moment(node.text):
            try:
                parse_moment(node.text)
            except InvalidInput as error:
                self._report.add(node.mark, f"'until' of {step.title}: {error}")
        return node.text


def _is_stated(node: Node | None) -> bool:
    """An empty list of steps is what the model writes for none."""
    return node is not None and not (isinstance(node, SequenceNode) and not node.items)

"""What happens when a step fails: its retries, fallback, escalation and compensation."""

from __future__ import annotations

__all__ = ["Policies"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.model import USUAL_UNDO, Escalation, EscalationStrategy, Fallback, Saga
from flowworker.definitions.document import EscalationDocument, FallbackDocument, SagaDocument
from flowworker.definitions.retries import retries_of, step_retries
from flowworker.definitions.section import given
from flowworker.definitions.tree import ScalarNode, quoted
from flowworker.definitions.values import duration_of, mapping_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.core.model import Retries
    from flowworker.definitions.problems import Report
    from flowworker.definitions.section import Section


class Policies:
    """Reads the sections of steps that say it."""

    def __init__(self, report: Report, known_handlers: Collection[str] | None) -> None:
        """With `known_handlers`, each handler that is not among them is a problem."""
        self._report = report
        self._known_handlers = known_handlers

    def handler(self, section: Section, key: str = "uses") -> str:
        """The name of a handler, under a key of the section."""
        name = section.required_name(key)
        if name and self._known_handlers is not None and name not in self._known_handlers:
            message = f"unknown handler {quoted(name)} in {section.title}"
            hint = self._report.nearest(name, self._known_handlers)
            self._report.add(section.mark_of(key), message, hint)
        return name

    def retry(self, step: Section) -> Retries | None:
        """When a step is tried again; None if it does not say."""
        return step_retries(step, self._report)

    def fallback(self, step: Section) -> Fallback | None:
        """What takes its place."""
        node = step.node("fallback")
        if isinstance(node, ScalarNode):
            return Fallback(uses=self.handler(step, "fallback"))
        section = step.section("fallback", FallbackDocument)
        if section is None:
            return None
        if section.node("uses") and section.node("step"):
            message = f"both 'uses' and 'step' in {section.title}"
            self._report.add(section.mark_of("step"), message, "they mean the same; keep 'uses'")
        key = "step" if section.node("step") else "uses"
        return Fallback(uses=self.handler(section, key), with_=mapping_of(section, "with"))

    def escalation(self, step: Section) -> Escalation | None:
        """Who is asked."""
        node = step.node("escalation")
        if isinstance(node, ScalarNode):
            expected = f"{', '.join(EscalationStrategy)} or a mapping"
            stated = step.choice("escalation", EscalationStrategy, expected)
        elif section := step.section("escalation", EscalationDocument):
            stated = section.choice("strategy", EscalationStrategy)
        else:
            return None
        return replace(Escalation(), **given(strategy=stated))

    def saga(self, step: Section) -> Saga | None:
        """What undoes it."""
        node = step.node("saga")
        if isinstance(node, ScalarNode):
            return Saga(uses=self.handler(step, "saga"))
        section = step.section("saga", SagaDocument)
        if section is None:
            return None
        saga = Saga(uses=self.handler(section))
        stated = given(
            is_critical=section.flag("is_critical"),
            retry=retries_of(section, USUAL_UNDO, self._report),
            timeout=duration_of(section, "timeout"),
            with_=mapping_of(section, "with"),
        )
        return replace(saga, **stated)

"""What happens when a step fails: its retries, fallback, escalation and compensation."""

from __future__ import annotations

__all__ = ["Policies", "given"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.core.model import (
    Backoff,
    Escalation,
    EscalationStrategy,
    Fallback,
    RetryPolicy,
    Saga,
)
from flowworker.definitions.document import (
    MAX_ATTEMPTS,
    EscalationDocument,
    FallbackDocument,
    RetryDocument,
    SagaDocument,
)
from flowworker.definitions.duration import format_duration
from flowworker.definitions.tree import ScalarNode, quoted
from flowworker.definitions.values import duration_of, mapping_of

if TYPE_CHECKING:
    from collections.abc import Collection

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

    def retry(self, step: Section) -> RetryPolicy:
        """When a step is tried again."""
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
        section = step.section("escalation", EscalationDocument)
        if section is None:
            return None
        return replace(
            Escalation(), **given(strategy=section.choice("strategy", EscalationStrategy))
        )

    def saga(self, step: Section) -> Saga | None:
        """What undoes it."""
        section = step.section("saga", SagaDocument)
        if section is None:
            return None
        saga = Saga(uses=self.handler(section))
        retry = section.section("retry", RetryDocument)
        stated = given(
            is_critical=section.flag("is_critical"),
            retry=self._policy(retry, saga.retry) if retry else None,
            timeout=duration_of(section, "timeout"),
            with_=mapping_of(section, "with"),
        )
        return replace(saga, **stated)

    def _policy(self, retry: Section, default: RetryPolicy) -> RetryPolicy:
        stated = given(
            max_attempts=retry.integer("max_attempts", 1, MAX_ATTEMPTS),
            backoff=retry.choice("backoff", Backoff),
            interval=retry.duration("interval"),
            max_interval=retry.duration("max_interval"),
            jitter=retry.fraction("jitter"),
            non_retryable=tuple(name for name, _ in retry.names("non_retryable")),
        )
        policy = replace(default, **stated)
        if policy.max_interval is not None and policy.max_interval < policy.interval:
            message = f"'max_interval' of {retry.title} is shorter than its interval"
            hint = f"the interval is {format_duration(policy.interval)}"
            self._report.add(retry.mark_of("max_interval"), message, hint)
        return policy


def given(**values: Any) -> dict[str, Any]:
    """The values that the document states; the model has the defaults of the others."""
    return {name: value for name, value in values.items() if value is not None}

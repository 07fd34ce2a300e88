"""When a step is tried again: a number of attempts, a policy, or a list of rules."""

from __future__ import annotations

__all__ = ["retries_of", "step_retries"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.error_types import NEVER_RETRIED
from flowworker.core.model import MAX_ATTEMPTS, Backoff, RetryPolicy
from flowworker.definitions.document import MAX_RULES, RetryDocument
from flowworker.definitions.duration import format_duration
from flowworker.definitions.section import Section, given
from flowworker.definitions.tree import (
    MappingNode,
    ScalarNode,
    SequenceNode,
    described,
    quoted,
)
from flowworker.definitions.values import duration_of

if TYPE_CHECKING:
    from flowworker.core.model import Retries
    from flowworker.definitions.problems import Report

_USUAL = RetryPolicy()
_EXPECTED = f"a number of attempts from 1 to {MAX_ATTEMPTS}, a mapping or a list of rules"


def step_retries(step: Section, report: Report) -> Retries | None:
    """What a step says with `retry` and `max_retries`; None if it says nothing."""
    retry = retries_of(step, _USUAL, report)
    further = step.integer("max_retries", 0, MAX_ATTEMPTS - 1)
    if further is None:
        return retry
    if isinstance(retry, tuple):
        message = f"'max_retries' of {step.title} stands beside a list of rules"
        report.add(step.mark_of("max_retries"), message, "give each rule its 'max_attempts'")
        return retry
    stated = _stated_attempts(step, report)
    if stated and stated != further + 1:
        message = f"'max_retries' of {step.title} means {further + 1} attempts"
        hint = f"but its retry has 'max_attempts' {stated}; keep one of them"
        report.add(step.mark_of("max_retries"), message, hint)
    return replace(retry or _USUAL, max_attempts=further + 1)


def _stated_attempts(step: Section, report: Report) -> int | None:
    node = step.node("retry")
    if isinstance(node, MappingNode):
        retry = Section(node, RetryDocument, f"retry of {step.title}", report)
        return retry.integer("max_attempts", 1, MAX_ATTEMPTS)
    return step.integer("retry", 1, MAX_ATTEMPTS, _EXPECTED)


def retries_of(owner: Section, default: RetryPolicy, report: Report) -> Retries | None:
    """What stands under `retry` of a section; None for nothing.

    What is not stated of a policy is as in `default`; what is wrong is reported.
    """
    node = owner.node("retry")
    title = f"retry of {owner.title}"
    if isinstance(node, MappingNode):
        retry = Section(node, RetryDocument, title, report)
        policy = _policy(retry, default, report)
        if policy.max_duration is not None:
            _check_use(retry, policy, report)
        return policy
    if isinstance(node, SequenceNode):
        return _rules(node, title, default, report)
    if isinstance(node, ScalarNode):
        attempts = owner.integer("retry", 1, MAX_ATTEMPTS, _EXPECTED)
        return replace(default, **given(max_attempts=attempts))
    return None


def _rules(
    node: SequenceNode, title: str, default: RetryPolicy, report: Report
) -> tuple[RetryPolicy, ...]:
    if not 1 <= len(node.items) <= MAX_RULES:
        message = f"{title}: expected 1 to {MAX_RULES} rules, found {len(node.items)}"
        report.add(node.mark, message)
        return ()
    rules: list[RetryPolicy] = []
    fitted: dict[str, int] = {}
    for number, item in enumerate(node.items, 1):
        name = f"rule {number} of {title}"
        if not isinstance(item, MappingNode):
            report.add(item.mark, f"{name}: expected a mapping, found {described(item)}")
            continue
        rule = Section(item, RetryDocument, name, report)
        _check_reach(rule, fitted, report)
        policy = _policy(rule, default, report)
        _check_use(rule, policy, report)
        rules.append(policy)
        for error in policy.on or (("",) if rule.is_understood else ()):
            fitted.setdefault(error, number)
    return tuple(rules)


def _policy(retry: Section, default: RetryPolicy, report: Report) -> RetryPolicy:
    factor = retry.number("factor", 1)
    backoff = retry.choice("backoff", Backoff)
    if factor is not None and backoff is Backoff.CONSTANT:
        message = f"'factor' of {retry.title}: a constant delay does not grow"
        report.add(retry.mark_of("factor"), message, "keep one of 'factor' and 'backoff'")
    if factor is not None:
        backoff = Backoff.EXPONENTIAL
    stated = given(
        max_attempts=retry.integer("max_attempts", 1, MAX_ATTEMPTS),
        backoff=backoff,
        interval=duration_of(retry, "interval"),
        max_interval=retry.duration("max_interval"),
        jitter=retry.number("jitter", 0, 1),
        non_retryable=tuple(name for name, _ in retry.names("non_retryable")),
        on=_fitted(retry, report),
        factor=factor,
        max_duration=retry.duration("max_duration"),
    )
    policy = replace(default, **stated)
    for key in ("max_interval", "max_duration"):
        longest = getattr(policy, key)
        shortest = 0.0 if isinstance(policy.interval, str) else policy.interval
        if longest is not None and longest < shortest:
            message = f"{quoted(key)} of {retry.title} is shorter than its interval"
            hint = f"the interval is {format_duration(shortest)}"
            report.add(retry.mark_of(key), message, hint)
    return policy


def _fitted(retry: Section, report: Report) -> tuple[str, ...]:
    """The error types that a rule is about."""
    node = retry.node("on")
    if isinstance(node, SequenceNode) and not node.items:
        retry.wrong("on", node, "the name of an error type, or some", "leave it out for all")
    found = retry.names("on")
    others = {name for name, _ in retry.names("non_retryable")}
    for name, mark in found:
        if name in NEVER_RETRIED:
            message = f"'on' of {retry.title}: no attempt follows {quoted(name)}, whatever is said"
            report.add(mark, message, "a fallback or an escalation can")
        elif name in others:
            message = f"{retry.title} has {quoted(name)} in 'on' and in 'non_retryable'"
            report.add(mark, message, "keep one of them")
    return tuple(name for name, _ in found)


def _check_reach(rule: Section, fitted: dict[str, int], report: Report) -> None:
    """Report what never comes to a rule, since one before it fits."""
    if "" in fitted:
        message = f"{rule.title} is never reached: rule {fitted['']} fits every error"
        report.add(rule.mark, message, "a rule without 'on' comes last")
        return
    for name, mark in rule.names("on"):
        if name in fitted:
            message = f"{quoted(name)} never comes to {rule.title}: rule {fitted[name]} fits it"
            report.add(mark, message)


def _check_use(rule: Section, policy: RetryPolicy, report: Report) -> None:
    """Report delays of what is never tried again."""
    said = rule.node("max_attempts")
    is_clear = said is None or (isinstance(said, ScalarNode) and said.value == 1)
    if policy.max_attempts > 1 or not rule.is_understood or not is_clear:
        return
    for key in ("interval", "factor", "max_interval", "jitter", "max_duration"):
        if rule.node(key) is not None:
            message = f"{quoted(key)} of {rule.title} says nothing, since there is 1 attempt"
            report.add(rule.mark_of(key), message, "give it 'max_attempts'")
            return

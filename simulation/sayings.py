"""The few expressions that simulated workflows have, and what they come to.

They are read by their form, without the engine's evaluator, and evaluated upon what is durable.
"""

from __future__ import annotations

__all__ = [
    "Senseless",
    "comes_to",
    "error_of",
    "has_unknown",
    "holds",
    "items_of",
    "outcome_of",
    "read_payload",
    "template",
]

import re
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.core.ids import defined_id, index_of
from flowworker.core.payload import Inline, Payload, Stored
from flowworker.core.status import HumanAction, Kind, Outcome
from simulation.airflow import Resolution
from simulation.expecting import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.records import StepRecord
    from simulation.truth import Truth

_WHOLE = re.compile(r"\$\{(.*)\}")
_OWN = re.compile(r'steps\["(\S+)"\]\.output')
_OUTPUT = re.compile(r"steps\.(\w+)\.output")
_NUMBER = re.compile(r"steps\.(\w+)\.output\.n")
_STATUS = re.compile(r"steps\.(\w+)\.status")
_INPUT = re.compile(r"input\.(\w+)")
_CHOICE = re.compile(r"input\.order % 2 == 0 \? (\S+) : (\S+)")
_EVERY = re.compile(r"(.+) % (\d+) == 0")
_EQUAL = re.compile(r'(.+) (==|!=) (null|"\w*")')


class Senseless(Exception):
    """An expression has no value: something that it names is not there."""


def template(truth: Truth, given: Any, step: str = "") -> Any:
    """What a value comes to with its `${…}`; texts have one that is all of them, or none.

    `step` is whose value it is, if that may be an instance of a loop.
    """
    roots = _item(truth, step)

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        whole = _WHOLE.fullmatch(value) if isinstance(value, str) else None
        return value if whole is None else comes_to(truth, whole[1], step, **roots)

    return filled(given)


def _item(truth: Truth, step: str) -> dict[str, Any]:
    """What an instance has."""
    index = index_of(step)
    if index is None:
        return {}
    items = items_of(truth, step)
    item = items if items is UNKNOWN else items[index]
    return {truth.plan.loop(step).as_: item, "index": index}


def items_of(truth: Truth, step: str) -> Any:
    """What a loop is over.

    Raises:
        Senseless: nothing.
    """
    items = truth.plan.loop(step).items
    items = comes_to(truth, items) if isinstance(items, str) else template(truth, items)
    if isinstance(items, dict):
        return [{"key": key, "value": value} for key, value in items.items()]
    return items


def has_unknown(value: Any) -> bool:
    """Whether some of it cannot be known."""
    if isinstance(value, dict | list):
        return any(map(has_unknown, value.values() if isinstance(value, dict) else value))
    return value is UNKNOWN


def holds(truth: Truth, condition: str, **roots: Any) -> Any:
    """Whether a condition is true; UNKNOWN if that cannot be known."""
    every, equal = _EVERY.fullmatch(condition), _EQUAL.fullmatch(condition)
    if every is not None:
        value = comes_to(truth, every[1], **roots)
        return value if value is UNKNOWN else value % int(every[2]) == 0
    assert equal is not None, f"no form of a condition: {condition}"
    value = comes_to(truth, equal[1], **roots)
    same = value == msgspec.json.decode(equal[3])
    return value if value is UNKNOWN else same is (equal[2] == "==")


def comes_to(truth: Truth, text: str, step: str = "", **roots: Any) -> Any:
    """The value of an expression.

    Raises:
        Senseless: it has none.
    """

    def named(other: str) -> str:
        return step if defined_id(step) == other else other

    reads: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Any]], ...] = (
        (_OWN, lambda found: outcome_of(truth, named(found[1]))),
        (_OUTPUT, lambda found: outcome_of(truth, named(found[1]))),
        (_NUMBER, lambda found: _field(outcome_of(truth, named(found[1])), "n")),
        (_STATUS, lambda found: _status(truth, found[1])),
        (_INPUT, lambda found: _field(truth.given, found[1])),
        (_CHOICE, lambda found: _chosen(truth, found)),
    )
    root, _, name = text.partition(".")
    if root in roots:
        return _field(roots[root], name) if name else roots[root]
    for form, read in reads:
        if (found := form.fullmatch(text)) is not None:
            return read(found)
    raise AssertionError(f"no form of an expression: {text}")


def _chosen(truth: Truth, found: re.Match[str]) -> Any:
    order = _field(truth.given, "order")
    if order is UNKNOWN:
        return order
    return msgspec.json.decode(found[1 + order % 2].replace("'", '"'))


def _field(value: Any, name: str) -> Any:
    if value is UNKNOWN:
        return value
    if not isinstance(value, dict) or name not in value:
        raise Senseless(name)
    return value[name]


def _status(truth: Truth, step: str) -> str:
    decisions = truth.record.decisions.get(step, ())
    if decisions and decisions[-1].action is HumanAction.SKIP:
        return "SKIPPED"
    record, _ = truth.steps.get(step, (None, 0))
    if record is not None and record.noted is not None:
        return record.noted.value
    match truth.resolution(step):
        case Resolution.SUCCESS:
            return "COMPLETED"
        case Resolution.FAILED:
            return "FAILED"
        case Resolution.SKIPPED | Resolution.UPSTREAM_FAILED:
            return "SKIPPED"
        case _:
            return str(UNKNOWN)


def outcome_of(truth: Truth, step: str) -> Any:
    """What it put out; None if it did not."""
    decisions = truth.record.decisions.get(step, ())
    if decisions:
        action, payload = decisions[-1].action, decisions[-1].output
        if action is not HumanAction.RETRY:
            return read_payload(truth, payload) if action is HumanAction.COMPLETE else None
    record, _ = truth.steps.get(step, (None, 0))
    done = record is not None and (
        record.outcome is Outcome.COMPLETED or record.kind is Kind.COMPENSATE
    )
    if record is None or not done or truth.plan.step(step).end is not None:
        return None
    return read_payload(truth, record.output)


def read_payload(truth: Truth, payload: Payload | None) -> Any:
    """What a payload is."""
    match payload:
        case Inline():
            return msgspec.json.decode(payload.data)
        case Stored():
            return truth.values.get(payload.digest, UNKNOWN)
        case _:
            return {}


def error_of(record: StepRecord) -> str:
    """The type of error with which an attempt ended, if it did with one."""
    return "" if record.error is None else record.error.type

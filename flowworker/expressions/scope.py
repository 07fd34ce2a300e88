"""What an expression may name, and what is wrong with a name that it uses."""

from __future__ import annotations

__all__ = ["Scope", "name_problem"]

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from flowworker.expressions.names import ROOTS, RUN_FIELDS, STEP_FIELDS, meant
from flowworker.expressions.problem import ExpressionProblem, place_of
from flowworker.expressions.schemas import OPEN, Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.expressions.references import Path, Reference

_ERROR: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "type": {"type": "string"},
        "message": {"type": "string"},
        "attempts": {"type": "integer"},
    },
}
"""What became of a step that failed; null for one that did not."""

_FEW = 10
"""So many names are listed where none is similar."""

_NO_NAMES: frozenset[str] = frozenset()


class Scope(Struct, frozen=True):
    """What an expression may name.

    Attributes:
        input_schema: the JSON Schema of the run's input; None if it may be anything.
        steps: the steps that come before, by id, with the JSON Schema of their output or None.
        extra: further roots (`item`, `index`, `signal`, `output`, ...) likewise.
        others: steps of the workflow that cannot be named, for they do not come before.
        remedy: what to do to name one of those.
        own: the step in which the expression stands, if it cannot be named.
        limits: which steps there are, if these are not all of the workflow's.
        base: what an expression may begin with beside `extra`.
    """

    input_schema: dict[str, Any] | None = None
    steps: Mapping[str, dict[str, Any] | None] = field(default_factory=dict)
    extra: Mapping[str, dict[str, Any] | None] = field(default_factory=dict)
    others: frozenset[str] = _NO_NAMES
    remedy: str = "add it to 'depends_on'"
    own: str = ""
    limits: str = ""
    base: tuple[str, ...] = ROOTS

    @property
    def roots(self) -> frozenset[str]:
        """All that an expression may begin with."""
        return frozenset({*self.base, *self.extra})

    def shape_at(self, path: Path) -> Shape | None:
        """What is known of the value at a path; None where no schema begins."""
        match path:
            case [str(root)] if root in self.extra:
                schema = self.extra[root]
            case ["input"]:
                schema = self.input_schema
            case ["steps", str(step), "output"]:
                schema = self.steps.get(step)
            case ["steps", _, "error"]:
                schema = _ERROR
            case _:
                return None
        return OPEN if schema is None else shape_of(schema, schema)


def name_problem(reference: Reference, scope: Scope, text: str) -> ExpressionProblem | None:
    """What is wrong with the step that a reference names, if anything."""
    match reference.path:
        case ("steps", str(step), *rest) if step in scope.steps:
            if rest and rest[0] not in STEP_FIELDS:
                return _unknown(reference, 2, f"a step has no {rest[0]!r}", STEP_FIELDS, text)
        case ("steps", str(step), *_) if step == scope.own:
            hint = "it is 'output' here" if "output" in scope.extra else ""
            return _problem(reference, 1, f"step {step!r} names its own output", hint, text)
        case ("steps", str(step), *_) if step in scope.others:
            message = f"step {step!r} does not come before: its output may not be there yet"
            return _problem(reference, 1, message, scope.remedy, text)
        case ("steps", str(step), *_):
            message, hint = (
                f"there is no step {step!r}",
                meant(step, sorted({*scope.steps, *scope.others})),
            )
            if hint or scope.limits:
                return _problem(reference, 1, message, hint or scope.limits, text)
            return _unknown(reference, 1, message, scope.steps, text)
        case ("steps", *_):
            message = 'expected one step: steps.ID or steps["ID"]'
            return _problem(reference, 0, message, "", text)
        case ("run", str(name), *_) if name not in RUN_FIELDS and "run" not in scope.extra:
            return _unknown(reference, 1, f"a run has no {name!r}", RUN_FIELDS, text)
    return None


def _unknown(
    reference: Reference, part: int, message: str, known: Collection[str], text: str
) -> ExpressionProblem:
    hint = meant(str(reference.path[part]), known)
    if not hint and 0 < len(known) <= _FEW:
        hint = f"there are: {', '.join(known)}"
    return _problem(reference, part, message, hint, text)


def _problem(
    reference: Reference, part: int, message: str, hint: str, text: str
) -> ExpressionProblem:
    word = str(reference.path[part])
    at = max(text.find(word, reference.places[part]), reference.places[part])
    return ExpressionProblem(message, *place_of(text, at), hint)

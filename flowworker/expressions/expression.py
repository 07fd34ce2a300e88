"""One expression: compiled once, evaluated as often as needed."""

from __future__ import annotations

__all__ = ["Expression", "compile_expression"]

from typing import TYPE_CHECKING, Any

from flowworker.errors import ExpressionError
from flowworker.expressions.bounds import MAX_LENGTH, Work
from flowworker.expressions.evaluation import program_of
from flowworker.expressions.failure import Failure
from flowworker.expressions.faults import faults
from flowworker.expressions.fields import declared, field_problems
from flowworker.expressions.library import DYNAMIC, Checked, checked
from flowworker.expressions.problem import ExpressionProblem
from flowworker.expressions.references import names_of, path_of, references
from flowworker.expressions.result import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.expressions.scope import Scope


class Expression:
    """An expression that can be evaluated.

    Attributes:
        text: as it was written.
        names: what values it needs.
        kind: CEL's name of the type of its value, `BOOL` or `INT`; `DYN` where it is not known.
    """

    def __init__(self, text: str, checked: Checked, roots: frozenset[str], kind: str) -> None:
        self.text = text
        self.kind = kind
        self.names = names_of(references(checked.tree, roots))
        self._run = program_of(checked.tree)
        whole = path_of(checked.tree, roots)
        self._is_path = whole is not None and not whole.is_test

    def evaluate(self, values: Mapping[str, Any], work: Work | None = None) -> Any:
        """Its value, as a JSON value.

        What is only picked from the values is handed out as it is there, whatever its size.

        Args:
            values: the roots that it names, as JSON values; more does no harm.
            work: what is left of it, if it is one of several.

        Raises:
            ExpressionError: it has none for these values.
        """
        work = work or Work()
        try:
            value = self._run(values, work)
            return value if self._is_path else plain(value, work)
        except Failure as failure:
            raise ExpressionError(self.text, str(failure), _names(values)) from None


def _names(values: Mapping[str, Any]) -> list[str]:
    steps = [f"steps.{step}" for step in values.get("steps", ())]
    return [*(root for root in values if root != "steps"), *steps]


def compile_expression(text: str, scope: Scope) -> Expression | list[ExpressionProblem]:
    """The expression of a text, or all that is wrong with it."""
    if len(text) > MAX_LENGTH:
        expected = f"an expression of at most {MAX_LENGTH:,} characters"
        return [ExpressionProblem(f"expected {expected}, found {len(text):,}")]
    if not text.strip():
        return [ExpressionProblem("expected an expression, found nothing")]
    result = checked(text, frozenset((root, DYNAMIC) for root in scope.roots))
    if not isinstance(result, Checked):
        return list(result)
    problems = [*faults(result.tree, scope, text), *field_problems(result.tree, scope, text)]
    if problems:
        return problems
    typed = _typed(text, result, scope)
    return (
        Expression(text, result, scope.roots, typed.kind) if isinstance(typed, Checked) else typed
    )


def _typed(text: str, result: Checked, scope: Scope) -> Checked | list[ExpressionProblem]:
    """The expression with the types that schemas tell.

    A number of JSON may be whole or not: what is wrong is wrong for both.
    """
    found = list(references(result.tree, scope.roots))
    as_double = checked(text, declared(found, scope, "double"))
    if isinstance(as_double, Checked):
        return as_double
    as_int = checked(text, declared(found, scope, "int"))
    return as_int if isinstance(as_int, Checked) else list(as_double)

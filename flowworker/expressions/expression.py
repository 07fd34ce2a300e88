"""One expression: compiled once, evaluated as often as needed."""

from __future__ import annotations

__all__ = ["Expression", "compile_expression"]

from typing import TYPE_CHECKING, Any

from flowworker.errors import ExpressionError
from flowworker.expressions.bounds import MAX_LENGTH
from flowworker.expressions.compiler import Program, compiled
from flowworker.expressions.names import meant
from flowworker.expressions.problem import ExpressionProblem
from flowworker.expressions.references import names_of, path_of, references
from flowworker.expressions.scope import Scope, name_problem
from flowworker.expressions.values import Unusable, given, plain, wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.expressions.references import Path, Reference


class Expression:
    """An expression that can be evaluated.

    Attributes:
        text: as it was written.
        names: what values it needs.
        kind: CEL's name of the type of its value, `BOOL` or `INT`; `DYN` where it is not known.
    """

    def __init__(
        self, text: str, program: Program, found: Sequence[Reference], picked: Path | None
    ) -> None:
        self.text = text
        self.kind = program.kind
        self._program = program
        self.names = names_of(found)
        self._wanted = wanted(found)
        self._path = picked

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Its value, as a JSON value.

        Args:
            values: the roots that it names, as JSON values; more does no harm.

        Raises:
            ExpressionError: it has none for these values.
        """
        if self._path is not None:
            return self._picked(values, self._path)
        try:
            value, failure = self._program.run(given(values, self._wanted))
            if failure:
                raise self._error(failure, values)
            return plain(value)
        except Unusable as unusable:
            raise self._error(str(unusable), values) from None

    def _picked(self, values: Mapping[str, Any], path: Path) -> Any:
        """What a path leads to; nothing is converted, so any size and any number will do."""
        value: Any = values
        for done, part in enumerate(path):
            match value:
                case dict() if part in value:
                    value = value[part]
                case list() if isinstance(part, int) and part < len(value):
                    value = value[part]
                case _:
                    raise self._error(_missing(path[:done], part, value), values)
        return value

    def _error(self, cause: str, values: Mapping[str, Any]) -> ExpressionError:
        steps = [f"steps.{step}" for step in values.get("steps", ())]
        names = [*(root for root in values if root != "steps"), *steps]
        return ExpressionError(self.text, cause, names)


def _missing(way: Path, part: str | int, value: Any) -> str:
    holder = ".".join(map(str, way))
    match value:
        case dict() if not holder:
            return f"there is no {part!r}"
        case dict():
            known = [key for key in value if isinstance(key, str)]
            hint = meant(str(part), known)
            return f"{holder} has no {part!r}" + (f" ({hint})" if hint else "")
        case list() if isinstance(part, int):
            return f"{holder} has {len(value)} items, and none at {part}"
        case _:
            return f"{holder} is {_KINDS.get(type(value), 'a value')}, and has no {part!r}"


_KINDS = {
    type(None): "null",
    bool: "a bool",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
}


def compile_expression(text: str, scope: Scope) -> Expression | list[ExpressionProblem]:
    """The expression of a text, or all that is wrong with it."""
    if len(text) > MAX_LENGTH:
        message = (
            f"expected an expression of at most {MAX_LENGTH:,} characters, found {len(text):,}"
        )
        return [ExpressionProblem(message)]
    program = compiled(text, scope.roots)
    if not isinstance(program, Program):
        return list(program)
    found: list[Reference] = sorted(
        references(program.tree, scope.roots), key=lambda each: each.places
    )
    problems = [each for it in found if (each := name_problem(it, scope, text))]
    whole = path_of(program.tree, scope.roots)
    picked = None if whole is None or whole.is_test else whole.path
    return problems or Expression(text, program, found, picked)

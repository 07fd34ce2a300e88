"""Values whose texts have `${…}`: what `with`, `output` and their like are."""

from __future__ import annotations

__all__ = ["Template", "compile_template", "is_template"]

from typing import TYPE_CHECKING, Any

from flowworker.errors import ExpressionError
from flowworker.expressions.bounds import MAX_EXPRESSIONS, Work
from flowworker.expressions.expression import Expression, compile_expression
from flowworker.expressions.failure import Failure
from flowworker.expressions.pieces import Unclosed, cut, is_template
from flowworker.expressions.problem import ExpressionProblem, place_of
from flowworker.expressions.references import Names
from flowworker.expressions.result import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowworker.expressions.references import Path
    from flowworker.expressions.scope import Scope


class _Text:
    """A text that has expressions: one that is a single expression has the type of its value."""

    def __init__(self, text: str, pieces: list[str | Expression]) -> None:
        self._text = text
        self._pieces = pieces

    @property
    def kind(self) -> str:
        first = self._pieces[0]
        is_one = isinstance(first, Expression) and len(self._pieces) == 1
        return first.kind if is_one and isinstance(first, Expression) else "STRING"

    def filled(self, values: Mapping[str, Any], work: Work) -> Any:
        first = self._pieces[0]
        if isinstance(first, Expression) and len(self._pieces) == 1:
            return first.evaluate(values, work)
        made = []
        for piece in self._pieces:
            made.append(piece if isinstance(piece, str) else written(piece.evaluate(values, work)))
            try:
                work.make(len(made[-1]))
            except Failure as failure:
                raise ExpressionError(self._text, str(failure)) from None
        return "".join(made)


class Template:
    """A JSON value with expressions in its texts.

    Attributes:
        names: what values they need, all together.
    """

    def __init__(self, value: Any, names: Names) -> None:
        self._value = value
        self.names = names

    @property
    def kind(self) -> str:
        """CEL's name of the type of a text with expressions; `DYN` for any other value."""
        return self._value.kind if isinstance(self._value, _Text) else "DYN"

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value with each expression replaced by what it comes to.

        Raises:
            ExpressionError: one of them has no value.
        """
        return _filled(self._value, values, Work())


def _filled(value: Any, values: Mapping[str, Any], work: Work) -> Any:
    match value:
        case _Text():
            return value.filled(values, work)
        case dict():
            return {key: _filled(item, values, work) for key, item in value.items()}
        case list():
            return [_filled(item, values, work) for item in value]
        case _:
            return value


def compile_template(value: Any, scope: Scope) -> Template | list[tuple[Path, ExpressionProblem]]:
    """The template of a JSON value, or all that is wrong with it, each with its JSON path.

    Line and column of a problem are those in the whole text, not in the expression.
    """
    reader = _Reader(scope)
    read = reader.read(value, ())
    return reader.problems or Template(read, reader.names)


_TOO_MANY = f"more than {MAX_EXPRESSIONS:,} expressions in one value"


class _Reader:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._expressions = 0
        self.names = Names()
        self.problems: list[tuple[Path, ExpressionProblem]] = []

    def read(self, value: Any, path: Path) -> Any:
        match value:
            case dict():
                return {key: self.read(item, (*path, key)) for key, item in value.items()}
            case list() | tuple():
                return [self.read(item, (*path, index)) for index, item in enumerate(value)]
            case str() if is_template(value):
                try:
                    return _Text(value, list(self._pieces(value, path)))
                except Unclosed as unclosed:
                    place = place_of(value, unclosed.at)
                    hint = "a literal one is written $${"
                    problem = ExpressionProblem("'${' is not closed by '}'", *place, hint)
                    self.problems.append((path, problem))
                    return value
            case _:
                return value

    def _pieces(self, text: str, path: Path) -> Iterator[str | Expression]:
        for piece in cut(text):
            if not piece.is_expression:
                yield piece.text
                continue
            self._expressions += 1
            if self._expressions > MAX_EXPRESSIONS:
                self.problems = [((), ExpressionProblem(_TOO_MANY))]
                return
            result = compile_expression(piece.text, self._scope)
            if isinstance(result, Expression):
                self.names |= result.names
                yield result
                continue
            self.problems += [(path, _moved(each, text, piece.at)) for each in result]


def _moved(problem: ExpressionProblem, text: str, at: int) -> ExpressionProblem:
    """The same problem, with its place in the text around the expression."""
    line, column = place_of(text, at)
    return ExpressionProblem(
        problem.message,
        line + problem.line - 1,
        column + problem.column - 1 if problem.line == 1 else problem.column,
        problem.hint,
    )

"""Fields that an expression asks for, held against the schemas of what it asks."""

from __future__ import annotations

__all__ = ["declared", "field_problems"]

import re
from typing import TYPE_CHECKING

from flowworker.expressions.names import meant
from flowworker.expressions.problem import ExpressionProblem, place_of
from flowworker.expressions.references import path_of
from flowworker.expressions.schemas import OPEN, Shape
from flowworker.expressions.tree import Call, Constant, Listed, Loop, Name, Node, Select, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowworker.expressions.references import Reference
    from flowworker.expressions.scope import Scope

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def declared(found: Iterable[Reference], scope: Scope, number: str) -> frozenset[tuple[str, str]]:
    """The types of what references name, as variables of CEL: `input.count`, `int`.

    What `has(…)` asks for is left out: to CEL a variable is always there.

    Args:
        found: the references.
        scope: what is known of what they name.
        number: CEL's type for JSON's numbers.
    """
    tested = {reference.path for reference in found if reference.is_test}
    kinds = dict.fromkeys(scope.roots, "dyn")
    for reference in found:
        path = _words(reference)
        kind = _shape_at(path, scope).kind(number)
        if kind != "dyn" and path not in tested:
            kinds[".".join(path)] = kind
    return frozenset(kinds.items())


def _shape_at(path: tuple[str, ...], scope: Scope) -> Shape:
    for length in range(1, len(path) + 1):
        if shape := scope.shape_at(path[:length]):
            for name in path[length:]:
                shape = shape.field(name)
            return shape
    return OPEN


def _words(reference: Reference) -> tuple[str, ...]:
    """A path up to its first position in a list; none if CEL has no such name."""
    words: list[str] = []
    for part in reference.path:
        if isinstance(part, int):
            break
        if not _WORD.fullmatch(part):
            return ()
        words.append(part)
    return tuple(words)


def field_problems(tree: Node, scope: Scope, text: str) -> Iterator[ExpressionProblem]:
    """The fields that something cannot have."""
    reader = _Reader(scope, text)
    reader.shape(tree, {})
    yield from reader.problems


class _Reader:
    def __init__(self, scope: Scope, text: str) -> None:
        self._scope = scope
        self._text = text
        self.problems: list[ExpressionProblem] = []

    def shape(self, node: Node, bound: Mapping[str, Shape]) -> Shape:
        """What is known of a part of the expression; what is wrong in it becomes a problem.

        `bound` are the variables of the loops around it.
        """
        whole = path_of(node, self._scope.roots - bound.keys())
        if whole and not whole.is_test and (known := self._scope.shape_at(whole.path)):
            return known
        match node:
            case Name(name):
                return bound.get(name, OPEN)
            case Select(operand, field, _, at):
                return self._field(self.shape(operand, bound), field, at)
            case Call("_[_]", [operand, Constant(str(field), at)]):
                return self._field(self.shape(operand, bound), field, at)
            case Call("_[_]", [operand, index]):
                self.shape(index, bound)
                return self.shape(operand, bound).items
            case Loop():
                return self._looped(node, bound)
            case _:
                for part in parts(node):
                    self.shape(part, bound)
                return OPEN

    def _field(self, holder: Shape, field: str, at: int) -> Shape:
        place = place_of(self._text, max(self._text.find(field, at), at))
        if holder.types and "object" not in holder.types:
            kinds = " or ".join(sorted(holder.types))
            self._add(f"there is no {field!r:.80}: the value is of type {kinds}", place)
        fields = holder.fields
        if fields is not None and field not in fields:
            hint = meant(field, fields) or "the schema lists all fields but this"
            self._add(f"there is no {field!r:.80}", place, hint)
        return holder.field(field)

    def _looped(self, node: Loop, bound: Mapping[str, Shape]) -> Shape:
        source = self.shape(node.source, bound)
        inner = {**bound, node.result_name: OPEN, node.variable: source.items}
        self.shape(node.step, inner)
        match node.step:
            case Call("_?_:_", [_, Call("_+_", [_, Listed([Name(name)])]), _]) if (
                name == node.variable
            ):
                return source  # what `filter` leaves
            case _:
                return OPEN

    def _add(self, message: str, place: tuple[int, int], hint: str = "") -> None:
        self.problems.append(ExpressionProblem(message, *place, hint))

"""What is wrong with an expression that CEL has nothing against."""

from __future__ import annotations

__all__ = ["faults"]

from typing import TYPE_CHECKING

from flowworker.expressions.bounds import MAX_LOOPS
from flowworker.expressions.problem import ExpressionProblem, place_of
from flowworker.expressions.references import references
from flowworker.expressions.scope import name_problem
from flowworker.expressions.tree import Call, Constant, Loop, Node, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.expressions.scope import Scope


def faults(tree: Node, scope: Scope, text: str) -> Iterator[ExpressionProblem]:
    """All of them, in the order of the text."""
    for reference in sorted(references(tree, scope.roots), key=lambda each: each.places):
        if problem := name_problem(reference, scope, text):
            yield problem
    yield from _refused(tree, text, 0)


def _refused(node: Node, text: str, loops: int) -> Iterator[ExpressionProblem]:
    place = place_of(text, node.at)
    match node:
        case Constant(foreign=str(kind)) if kind:
            yield ExpressionProblem(f"{kind} is no type of JSON", *place, _INSTEAD[kind])
        case Call(function) if function in _INSTEAD:
            yield ExpressionProblem(f"{function} is no type of JSON", *place, _INSTEAD[function])
        case Loop() if loops == MAX_LOOPS:
            yield ExpressionProblem(f"more than {MAX_LOOPS} loops in one another", *place)
            return
        case Loop():
            yield from _refused(node.source, text, loops)
            yield from _refused(node.step, text, loops + 1)
            return
        case _:
            pass
    for part in parts(node):
        yield from _refused(part, text, loops)


_INSTEAD = {
    "bytes": "write a text",
    "message": "write {'key': value}",
    "uint": "write a whole number, without a u",
}

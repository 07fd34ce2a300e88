"""Texts to programs of CEL, by Google's library: the only file that knows it.

It is imported where the first expression is compiled: fleets without expressions do without it.
"""

from __future__ import annotations

__all__ = ["Program", "compiled"]

import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flowworker.expressions.messages import problems_of, readable
from flowworker.expressions.tree import Node, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.expressions.problem import ExpressionProblem

_KEPT_PROGRAMS = 1_000

_MIXED: dict[str, Callable[[float, float], float]] = {
    "_+_": operator.add,
    "_-_": operator.sub,
    "_*_": operator.mul,
    "_/_": operator.truediv,
}
"""What CEL has for two whole numbers and for two with a fraction; here, for one of each too."""


class Program:
    """A compiled expression.

    Attributes:
        tree: what it consists of.
        kind: CEL's name of the type of its value: `BOOL`, `INT`, ..., `DYN` if it is open.
    """

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.tree: Node = tree_of(compiled.serialize())
        self.kind: str = compiled.return_type().name()

    def run(self, values: Mapping[str, Any]) -> tuple[Any, str]:
        """The value as Python has it, and an empty text; or None and why there is none."""
        try:
            result = self._compiled.eval(data=values)
        except RuntimeError as error:
            return None, readable(str(error))
        value = result.plain_value()
        return (None, readable(value)) if result.type().name() == "ERROR" else (value, "")


@lru_cache(_KEPT_PROGRAMS)
def compiled(text: str, roots: frozenset[str]) -> Program | tuple[ExpressionProblem, ...]:
    """The program of a text, or what is wrong with it."""
    try:
        return Program(_environment(roots).compile(text))
    except RuntimeError as error:
        return tuple(problems_of(str(error), text, roots))


@lru_cache(100)
def _environment(roots: frozenset[str]) -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - slow, and not always needed
    from cel_expr_python.ext import ext_math, ext_strings  # noqa: PLC0415

    kinds = cel.Type
    return cel.NewEnv(
        variables=dict.fromkeys(roots, kinds.DYN),
        extensions=[
            ext_strings.ExtStrings(),
            ext_math.ExtMath(),
            cel.CelExtension("numbers", [_mixed(cel, *each) for each in _MIXED.items()]),
        ],
    )


def _mixed(cel: Any, name: str, compute: Callable[[float, float], float]) -> Any:
    """An operator of CEL for a whole number and one with a fraction, in both orders."""
    whole, fraction = cel.Type.INT, cel.Type.DOUBLE
    overloads = [
        cel.Overload(f"{name}_{order}", fraction, parameters, impl=compute)
        for order, parameters in enumerate([[whole, fraction], [fraction, whole]])
    ]
    return cel.FunctionDecl(name, overloads)

"""Google's library for CEL, and the only file that knows it.

It reads expressions, checks their types, and computes functions. It is imported where the first
expression is compiled: processes that have none do without it.
"""

from __future__ import annotations

__all__ = ["DYNAMIC", "Checked", "call", "checked"]

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from flowworker.expressions.failure import Failure
from flowworker.expressions.messages import problems_of, readable
from flowworker.expressions.tree import Node, tree_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.expressions.problem import ExpressionProblem

DYNAMIC: Final = "dyn"
"""CEL's word for the type of what is not known before it is there."""

_KEPT_EXPRESSIONS = 1_000
_KEPT_ENVIRONMENTS = 100

_KINDS = {datetime: "timestamp", timedelta: "duration"}
"""What the library takes only where it was declared."""

_ARITHMETIC = ("_+_", "_-_", "_*_", "_/_")
_COMPARISONS = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_")
"""What CEL has for two whole numbers and for two with a fraction; here, for one of each too."""

_WRITTEN = {"math.@max": "math.greatest", "math.@min": "math.least"}
"""How functions are written that have other names once they are checked."""


class Checked(Struct, frozen=True):
    """An expression without faults.

    Attributes:
        tree: what it consists of.
        kind: CEL's name of the type of its value: `BOOL`, `INT`, ..., `DYN` if it is open.
    """

    tree: Node
    kind: str


@lru_cache(_KEPT_EXPRESSIONS)
def checked(
    text: str, variables: frozenset[tuple[str, str]]
) -> Checked | tuple[ExpressionProblem, ...]:
    """An expression over variables of these types, or what is wrong with it."""
    try:
        compiled = _environment(variables).compile(text)
    except RuntimeError as error:
        names = [name for name, _ in variables]
        return tuple(problems_of(str(error), text, names))
    return Checked(tree_of(compiled.serialize()), compiled.return_type().name())


def call(function: str, arguments: Sequence[Any], *, is_method: bool) -> Any:
    """The value of one of CEL's functions.

    Raises:
        Failure: it has none for these arguments.
    """
    names = [f"_{number}" for number in range(len(arguments))]
    name = _WRITTEN.get(function, function)
    if is_method:
        text = f"{names[0]}.{name}({', '.join(names[1:])})"
    else:
        text = f"{name}({', '.join(names)})"
    kinds = (_KINDS.get(type(argument), DYNAMIC) for argument in arguments)
    program = _program(text, tuple(zip(names, kinds, strict=True)))
    result = program.eval(data=dict(zip(names, arguments, strict=True)))
    value = result.plain_value()
    if result.type().name() == "ERROR":
        raise Failure(readable(value))
    return value


@lru_cache(_KEPT_EXPRESSIONS)
def _program(text: str, variables: tuple[tuple[str, str], ...]) -> Any:
    return _environment(frozenset(variables), is_to_run=True).compile(text)


@lru_cache(_KEPT_ENVIRONMENTS)
def _environment(variables: frozenset[tuple[str, str]], *, is_to_run: bool = False) -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - slow, and not always needed
    from cel_expr_python.ext import ext_math, ext_strings  # noqa: PLC0415

    extensions = [ext_strings.ExtStrings(), ext_math.ExtMath()]
    if not is_to_run:
        extensions.append(cel.CelExtension("numbers", _mixed(cel)))
    kinds = {name: cel.Type(signature) for name, signature in variables}
    return cel.NewEnv(variables=kinds, extensions=extensions)


def _mixed(cel: Any) -> list[Any]:
    """Operators that take a whole number and one with a fraction; `operators` computes them."""
    kinds = cel.Type.INT, cel.Type.DOUBLE
    results = {
        **dict.fromkeys(_ARITHMETIC, cel.Type.DOUBLE),
        **dict.fromkeys(_COMPARISONS, cel.Type.BOOL),
    }
    return [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(f"{name}_1", result, kinds),
                cel.Overload(f"{name}_2", result, kinds[::-1]),
            ],
        )
        for name, result in results.items()
    ]

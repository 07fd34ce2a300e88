"""The value of a checked expression.

The library's own evaluator is not used for it: see `docs/decisions/0044`. What it would do, this
does: the parts from the inside out, `&&`, `||` and `?:` only as far as it matters, and an error on
one side of `&&` or `||` gives way to the other side if that decides. Each part becomes a function
of the variables once, and is called as often as needed.
"""

from __future__ import annotations

__all__ = ["Program", "program_of"]

from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from flowworker.expressions.failure import Failure
from flowworker.expressions.functions import called
from flowworker.expressions.names import meant
from flowworker.expressions.operators import BINARY, TYPES, UNARY, Type, kind_of, refused, truth
from flowworker.expressions.tree import (
    Call,
    Constant,
    Listed,
    Loop,
    Mapped,
    Name,
    Node,
    Select,
    parts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.expressions.bounds import Work

Program: TypeAlias = "Callable[[Mapping[str, Any], Work], Any]"
"""The value of an expression for these variables; raises `Failure` if it has none."""

_Turn: TypeAlias = "Callable[[dict[str, Any], Work], None]"


def program_of(tree: Node) -> Program:
    """The program of a whole expression."""
    run, size = _part(tree), _size(tree)

    def whole(values: Mapping[str, Any], work: Work) -> Any:
        work.spend(size)
        return run(values, work)

    return whole


def _size(node: Node) -> int:
    return 1 + sum(_size(part) for part in parts(node))


def _part(node: Node) -> Program:
    match node:
        case Constant(value):
            return lambda _, __: value
        case Name(name):
            return _named(name)
        case Select():
            return _selected(node)
        case Call():
            return _called(node)
        case Listed(items):
            made = [_part(item) for item in items]
            return lambda values, work: [item(values, work) for item in made]
        case Mapped():
            return _mapped(node)
        case Loop():
            return _looped(node)
        case _ as never:
            assert_never(never)


def _named(name: str) -> Program:
    def named(values: Mapping[str, Any], _: Work) -> Any:
        if name not in values:
            if name in TYPES:
                return Type(name)
            raise Failure(f"there is no {name!r:.80}")
        value = values[name]
        if isinstance(value, Failure):
            raise value
        return value

    return named


def _selected(node: Select) -> Program:
    operand, field = _part(node.operand), node.field

    def holder(values: Mapping[str, Any], work: Work) -> dict[str, Any]:
        held = operand(values, work)
        if not isinstance(held, dict):
            what = "null" if held is None else f"of type {kind_of(held)}"
            raise Failure(f"{_written(node.operand)} is {what}, and has no {field!r:.80}")
        return held

    def selected(values: Mapping[str, Any], work: Work) -> Any:
        held = holder(values, work)
        if field not in held:
            hint = meant(field, held)
            missing = f"{_written(node.operand)} has no {field!r:.80}"
            raise Failure(f"{missing} ({hint})" if hint else missing)
        return held[field]

    return (lambda values, work: field in holder(values, work)) if node.is_test else selected


def _mapped(node: Mapped) -> Program:
    entries = [(_part(key), _part(value)) for key, value in node.entries]

    def mapped(values: Mapping[str, Any], work: Work) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_of, value_of in entries:
            key = key_of(values, work)
            if not isinstance(key, str):
                raise Failure(f"an object has texts as keys, found one of type {kind_of(key)}")
            if key in made:
                raise Failure(f"an object has the key {key!r:.80} twice")
            made[key] = value_of(values, work)
        return made

    return mapped


def _called(node: Call) -> Program:
    function, is_method = node.function, node.is_method
    made = [_part(argument) for argument in node.arguments]
    match function, made:
        case (("_&&_" | "_||_"), [one, other]):
            return _decided(one, other, by=function == "_||_")
        case "_?_:_", [condition, then, otherwise]:
            return lambda values, work: (
                then if truth(condition(values, work), "?:") else otherwise
            )(values, work)
        case _, [one, other] if operator := BINARY.get(function):
            return lambda values, work: operator(one(values, work), other(values, work), work)
        case _, [one] if unary := UNARY.get(function):
            return lambda values, work: unary(one(values, work), work)
        case _:
            return lambda values, work: called(
                function, [each(values, work) for each in made], is_method=is_method, work=work
            )


def _decided(one: Program, other: Program, *, by: bool) -> Program:
    """One side is enough if it is what decides; then an error of the other does not matter."""
    sign = "||" if by else "&&"

    def decided(values: Mapping[str, Any], work: Work) -> bool:
        try:
            if truth(one(values, work), sign) is by:
                return by
        except Failure:
            if truth(other(values, work), sign) is by:
                return by
            raise
        return truth(other(values, work), sign)

    return decided


def _looped(node: Loop) -> Program:
    source, initial, result = _part(node.source), _part(node.initial), _part(node.result)
    goes_on, turn = _condition(node.condition), _turn(node.step, node.result_name)
    size = _size(node.condition) + _size(node.step)

    def looped(values: Mapping[str, Any], work: Work) -> Any:
        items = source(values, work)
        if not isinstance(items, list | dict):
            raise refused("a loop", items)
        inner = dict(values)
        inner[node.result_name] = initial(values, work)
        for item in items:
            work.spend(size)
            if not goes_on(inner, work):
                break
            inner[node.variable] = item
            turn(inner, work)
        return result(inner, work)

    return looped


def _condition(node: Node) -> Program:
    """Whether a loop goes on; what has no value yet does not end it."""
    match node:
        case Call("@not_strictly_false", [inner]):
            made = _part(inner)
        case _:
            return _part(node)

    def goes_on(values: Mapping[str, Any], work: Work) -> Any:
        try:
            return made(values, work)
        except Failure:
            return True

    return goes_on


def _turn(step: Node, result: str) -> _Turn:
    """One turn of a loop. A list that it collects is not copied in each."""
    match step:
        case Call("_?_:_", [condition, then, Name(name)]) if name == result:
            holds, inner = _part(condition), _turn(then, result)

            def filtered(values: dict[str, Any], work: Work) -> None:
                if truth(holds(values, work), "?:"):
                    inner(values, work)

            return filtered
        case Call("_+_", [Name(name), Listed([item])]) if name == result:
            made = _part(item)
            return lambda values, work: values[result].append(made(values, work))
        case _:
            made = _part(step)

            def computed(values: dict[str, Any], work: Work) -> None:
                try:
                    values[result] = made(values, work)
                except Failure as failure:  # which a later turn may make irrelevant
                    values[result] = failure

            return computed


def _written(node: Node) -> str:
    """A part of an expression as a message names it."""
    match node:
        case Name(name):
            return name
        case Select(operand, field):
            return f"{_written(operand)}.{field}"
        case Call("_[_]", [operand, Constant(key)]):
            return f"{_written(operand)}[{key!r:.80}]"
        case _:
            return "a value"

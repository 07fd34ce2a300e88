"""One module to its mutants: each is the module with one thing in it broken."""

from __future__ import annotations

__all__ = ["Mutant", "keys_of", "mutants_of"]

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_GUARDS = frozenset(
    ("negate", "drop guard", "drop filter", "swap and/or", "drop case guard", "drop handler")
)
"""Rules that break what decides whether something is done, and not what is done."""

_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Mutant(NamedTuple):
    """A broken module.

    Attributes:
        key: names it in reports and in the list of allowed ones; without a line number, so that it
            outlives changes elsewhere in the module.
        lines: where the change is.
        source: the whole module.
    """

    key: str
    lines: range
    source: str


def mutants_of(source: str, module: str, *, guards: bool = False) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its text; with `guards` one of each guard."""
    tree = ast.parse(source)
    for each in _breaks(tree, module, guards=guards):
        broken = copy.deepcopy(tree)
        target = next(node for at, node in enumerate(ast.walk(broken)) if at == each.place)
        each.change(target)
        yield Mutant(each.key, each.lines, ast.unparse(ast.fix_missing_locations(broken)))


def keys_of(source: str, module: str) -> Iterator[str]:
    """What the mutants of a module are named, without making them: that takes far longer."""
    return (each.key for each in _breaks(ast.parse(source), module, guards=False))


class _Break(NamedTuple):
    """What is to be broken, and how: `place` is that of its node in `ast.walk`."""

    key: str
    lines: range
    place: int
    change: Callable[[Any], object]


def _breaks(tree: ast.Module, module: str, *, guards: bool) -> Iterator[_Break]:
    names = _functions(tree)
    seen: Counter[str] = Counter()
    for index, node in enumerate(ast.walk(tree)):
        if (function := names.get(index)) is None:
            continue
        changes = [*_changes(node)]
        if guards:
            changes = [each for each in changes if each[0] in _GUARDS][-1:]
        for rule, change in changes:
            text = ast.unparse(node).splitlines()[0]
            key = f"{module} {function}: {rule}: {text}"
            seen[key] += 1
            number = f" #{seen[key]}" if seen[key] > 1 else ""
            yield _Break(key + number, _lines(node), index, change)


def _lines(node: ast.AST) -> range:
    """Where its change is noticed: of a branch, where it is decided."""
    place: ast.expr | ast.stmt
    match node:
        case ast.If(test=place) | ast.While(test=place) | ast.match_case(guard=ast.expr() as place):
            pass
        case ast.comprehension(iter=place) | ast.ExceptHandler(type=ast.expr() as place):
            pass
        case ast.expr() | ast.stmt():
            place = node
        case _:
            raise TypeError(f"no place: {node}")
    return range(place.lineno, (place.end_lineno or place.lineno) + 1)


def _functions(tree: ast.Module) -> dict[int, str]:
    """The function in which each node stands, by the node's place in `ast.walk`."""
    owner: dict[ast.AST, str] = {}

    def visit(node: ast.AST, name: str, *, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                visit(child, f"{name}.{child.name}".lstrip("."), inside=True)
            elif isinstance(child, ast.ClassDef):
                visit(child, f"{name}.{child.name}".lstrip("."), inside=inside)
            else:
                if inside:
                    owner[child] = name
                visit(child, name, inside=inside)

    visit(tree, "", inside=False)
    return {index: owner[node] for index, node in enumerate(ast.walk(tree)) if node in owner}


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], object]]]:
    match node:
        case ast.If() | ast.While() | ast.IfExp():
            yield "negate", _negate
            if isinstance(node, ast.If) and not node.orelse and isinstance(node.body[-1], _LEAVES):
                yield "drop guard", _drop_body
        case ast.ExceptHandler(type=ast.expr()):
            yield "drop handler", lambda it: setattr(it, "type", ast.Tuple([], ast.Load()))
        case ast.comprehension(ifs=[_, *_]):
            yield "drop filter", lambda it: it.ifs.clear()
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            yield "swap comparison", _swap
        case ast.BoolOp():
            yield "swap and/or", _swap_junction
        case ast.Expr(value=ast.Await()):
            yield "drop effect", lambda it: setattr(it, "value", ast.Constant(None))
        case ast.Return(value=ast.Constant(value=bool())):
            yield "invert result", lambda it: setattr(it, "value", ast.Constant(not it.value.value))
        case ast.match_case(guard=ast.expr()):
            yield "drop case guard", lambda it: setattr(it, "guard", None)


def _negate(node: ast.If | ast.While | ast.IfExp) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _drop_body(node: ast.If) -> None:
    node.body = [ast.Pass()]


def _swap(node: ast.Compare) -> None:
    node.ops = [_COMPARISONS[type(node.ops[0])]()]


def _swap_junction(node: ast.BoolOp) -> None:
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()

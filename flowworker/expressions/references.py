"""What of the values an expression names, and where it does."""

from __future__ import annotations

__all__ = ["Names", "Path", "Reference", "names_of", "path_of", "references"]

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from flowworker.expressions.tree import Call, Constant, Loop, Name, Node, Select, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Path: TypeAlias = tuple[str | int, ...]
"""Keys of objects, and positions in lists; a reference begins with a root."""


class Names(Struct, frozen=True):
    """What values an expression needs.

    Attributes:
        roots: `input`, `steps`, `run`, `item`, ...
        steps: ids of the steps that it names.
        outputs: those of them whose output it names, not only status and error.
        inputs: the paths below `input` whose values it takes.
    """

    roots: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    inputs: frozenset[Path] = frozenset()

    def __or__(self, other: Names) -> Names:
        return Names(
            self.roots | other.roots,
            self.steps | other.steps,
            self.outputs | other.outputs,
            self.inputs | other.inputs,
        )


class Reference(Struct, frozen=True):
    """A chain of keys from a root: `steps["a.b"].output.items[0]`.

    Attributes:
        path: the root, then texts and numbers.
        places: the offset of each part in the text.
        is_test: it stands in `has(…)`, which asks whether the last part is there.
    """

    path: Path
    places: tuple[int, ...]
    is_test: bool = False

    def is_value_of(self, root: str) -> bool:
        """Whether it takes something of that root, and does not ask whether it is there."""
        return self.path[0] == root and not self.is_test


def names_of(found: Iterable[Reference]) -> Names:
    """What they need, all together."""
    found = [*found]
    paths = [each.path for each in found]
    of_steps = [path for path in paths if path[0] == "steps" and len(path) > 1]
    return Names(
        roots=frozenset(str(path[0]) for path in paths),
        steps=frozenset(str(path[1]) for path in of_steps),
        outputs=frozenset(str(p[1]) for p in of_steps if p[2:3] in ((), ("output",))),
        inputs=frozenset(each.path[1:] for each in found if each.is_value_of("input")),
    )


def path_of(node: Node, roots: frozenset[str]) -> Reference | None:
    """The reference that a node is as a whole; None if it is anything else.

    A name that a loop around it has bound is no root there.
    """
    match node:
        case Name(name, at) if name in roots:
            return Reference((name,), (at,))
        case Select(operand, field, is_test, at):
            part: str | int = field
        case Call("_[_]", [operand, Constant(str() | int() as part, at)]) if part is not True:
            is_test = False
        case _:
            return None
    outer = path_of(operand, roots)
    if outer is None or outer.is_test:
        return None
    return Reference((*outer.path, part), (*outer.places, at), is_test)


def references(node: Node, roots: frozenset[str]) -> Iterator[Reference]:
    """The longest references of an expression, in no particular order."""
    if reference := path_of(node, roots):
        yield reference
        return
    if isinstance(node, Loop):
        yield from references(node.source, roots)
        yield from references(node.initial, roots)
        roots -= {node.variable, node.result_name}
        within: Sequence[Node] = [node.condition, node.step, node.result]
    else:
        within = parts(node)
    for part in within:
        yield from references(part, roots)

"""The checked expression as the library hands it out: a `CheckedExpr` of CEL, in protobuf.

Only what is asked of it is read: which names stand where, and which loops are in which. That takes
the wire format of protobuf (fields of numbers and of bytes) and no library for it. The numbers of
the fields are those of `cel/expr/checked.proto` and `cel/expr/syntax.proto`, which are stable.
"""

from __future__ import annotations

__all__ = [
    "Call",
    "Constant",
    "Listed",
    "Loop",
    "Mapped",
    "Name",
    "Node",
    "Select",
    "parts",
    "tree_of",
]

from collections.abc import Sequence
from struct import unpack
from typing import TYPE_CHECKING, TypeAlias, assert_never

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Constant(Struct, frozen=True):
    """A literal: a JSON value, or one of a kind that JSON does not have.

    Attributes:
        value: None for what JSON does not have.
        foreign: the kind of it, and otherwise nothing.
    """

    value: str | int | float | bool | None
    at: int
    foreign: str = ""


class Name(Struct, frozen=True):
    """A variable. `at` is its offset in the text, in characters, as in all of these."""

    name: str
    at: int


class Select(Struct, frozen=True):
    """`operand.field`, or `has(operand.field)`."""

    operand: Node
    field: str
    is_test: bool
    at: int


class Call(Struct, frozen=True):
    """A function or an operator, whose names are `_+_`, `_[_]`, ...

    Attributes:
        arguments: what stands before the dot is the first.
        is_method: it is written behind a dot.
    """

    function: str
    arguments: Sequence[Node]
    at: int
    is_method: bool = False


class Listed(Struct, frozen=True):
    """`[a, b]`."""

    items: Sequence[Node]
    at: int


class Mapped(Struct, frozen=True):
    """`{key: value}`."""

    entries: Sequence[tuple[Node, Node]]
    at: int


class Loop(Struct, frozen=True):
    """What the macros `all`, `exists`, `exists_one`, `filter` and `map` become.

    Attributes:
        variable: what each item is called.
        source: the list or map that is gone through.
        result_name: the variable that collects the result.
        initial: what it is at first.
        condition: whether to go on.
        step: what becomes of the result with the next item.
        result: what is made of it at last.
    """

    variable: str
    source: Node
    result_name: str
    initial: Node
    condition: Node
    step: Node
    result: Node
    at: int


Node: TypeAlias = Constant | Name | Select | Call | Listed | Mapped | Loop


def parts(node: Node) -> Sequence[Node]:
    """What a node consists of."""
    match node:
        case Select(operand):
            return [operand]
        case Call(_, items) | Listed(items):
            return items
        case Mapped(entries):
            return [part for entry in entries for part in entry]
        case Loop():
            return [node.source, node.initial, node.condition, node.step, node.result]
        case Name() | Constant():
            return []
        case _ as never:
            assert_never(never)


_Fields: TypeAlias = "dict[int, list[int | bytes]]"


_UINT = 4


def tree_of(serialized: bytes) -> Node:
    """The tree of an expression that the library has serialized."""
    checked = _fields(_bytes(_fields(serialized), 2))
    places: dict[int, int] = {}
    for entry in _all_bytes(_fields(_bytes(checked, 5)), 4):
        place = _fields(entry)
        places[_int(place, 1)] = _int(place, 2)
    return _node(_bytes(checked, 4), places)


def _node(encoded: bytes, places: Mapping[int, int]) -> Node:
    fields = _fields(encoded)
    at = places.get(_int(fields, 2), 0)

    def child(parent: _Fields, number: int) -> Node:
        return _node(_bytes(parent, number), places)

    def children(parent: _Fields, number: int) -> list[Node]:
        return [_node(each, places) for each in _all_bytes(parent, number)]

    [kind] = fields.keys() - {2}
    inner = _fields(_bytes(fields, kind))
    match kind:
        case 4:
            return Name(_text(inner, 1), at)
        case 5:
            return Select(child(inner, 1), _text(inner, 2), bool(_int(inner, 3)), at)
        case 6:
            target = children(inner, 1)
            return Call(_text(inner, 2), [*target, *children(inner, 3)], at, bool(target))
        case 7:
            return Listed(children(inner, 1), at)
        case 8 if 1 in inner:
            return Constant(None, at, "message")
        case 8:
            entries = [_fields(each) for each in _all_bytes(inner, 2)]
            return Mapped([(child(each, 3), child(each, 4)) for each in entries], at)
        case 9:
            return Loop(
                variable=_text(inner, 1),
                source=child(inner, 2),
                result_name=_text(inner, 3),
                initial=child(inner, 4),
                condition=child(inner, 5),
                step=child(inner, 6),
                result=child(inner, 7),
                at=at,
            )
        case _:
            return _constant(inner, at)


def _constant(fields: _Fields, at: int) -> Constant:
    [(kind, [encoded])] = fields.items()
    match kind, encoded:
        case 1, _:
            return Constant(None, at)
        case 2, _:
            return Constant(bool(encoded), at)
        case 3, _:
            return Constant(_int(fields, 3), at)
        case 5, bytes():
            [double] = unpack("<d", encoded)
            return Constant(double, at)
        case 6, bytes():
            return Constant(encoded.decode(), at)
        case _:
            return Constant(None, at, "uint" if kind == _UINT else "bytes")


def _fields(encoded: bytes) -> _Fields:
    """The fields of a message by their numbers; numbers of fixed width stay bytes."""
    fields: _Fields = {}
    for number, value in _wire(encoded):
        fields.setdefault(number, []).append(value)
    return fields


def _wire(encoded: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = encoded[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 - the last one
                return value

    while at < len(encoded):
        number, wire_type = divmod(varint(), 8)
        if wire_type == 0:
            yield number, varint()
            continue
        length = 8 if wire_type == 1 else varint()
        yield number, encoded[at : at + length]
        at += length


def _bytes(fields: _Fields, number: int) -> bytes:
    [value] = fields.get(number, [b""])
    assert isinstance(value, bytes)
    return value


def _all_bytes(fields: _Fields, number: int) -> list[bytes]:
    return [value for value in fields.get(number, []) if isinstance(value, bytes)]


def _text(fields: _Fields, number: int) -> str:
    return _bytes(fields, number).decode()


def _int(fields: _Fields, number: int) -> int:
    [value] = fields.get(number, [0])
    assert isinstance(value, int)
    return value - (1 << 64) if value >> 63 else value

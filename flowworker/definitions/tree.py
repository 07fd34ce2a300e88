"""A document as a tree of values that know where they stand.

YAML files, JSON files and structs built by hand all become this tree, so that one set of rules
judges all of them and every problem can be pointed at.
"""

from __future__ import annotations

__all__ = [
    "MAX_DEPTH",
    "NOWHERE",
    "Entry",
    "MappingNode",
    "Mark",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "described",
    "mappings_at",
    "node_at",
    "plain",
    "quoted",
    "tree_of",
]

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, assert_never

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH = 64
"""How deep lists and mappings may be nested."""

_LONGEST_QUOTE = 80


class Mark(NamedTuple):
    """A place in a source; both numbers count from 1."""

    line: int
    column: int


NOWHERE = Mark(0, 0)
"""The place of what was not read from a text."""


class ScalarNode(Struct, frozen=True):
    """A single value.

    Attributes:
        text: what it was read from: `1.10` is a number, but a version too.
        until: the last line of a text without quotes.
    """

    value: str | int | float | bool | None
    text: str
    mark: Mark
    until: int = 0


class SequenceNode(Struct, frozen=True):
    """A list."""

    items: list[Node]
    mark: Mark


class MappingNode(Struct, frozen=True):
    """A mapping, in the order of the text."""

    entries: dict[str, Entry]
    mark: Mark


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


class Entry(Struct, frozen=True):
    """What stands under a key, and where the key itself stands."""

    key_mark: Mark
    node: Node


def tree_of(value: Any, depth: int = 0) -> Node:
    """The tree of a JSON value that was not read from a text; it stands nowhere.

    Raises:
        ValueError: it is none, for a number is not finite, or it is nested too deeply.
    """
    match value:
        case dict() | list() | tuple() if depth >= MAX_DEPTH:
            raise ValueError(f"nested too deeply: more than {MAX_DEPTH} levels")
        case dict():
            entries = {key: Entry(NOWHERE, tree_of(it, depth + 1)) for key, it in value.items()}
            return MappingNode(entries, NOWHERE)
        case list() | tuple():
            return SequenceNode([tree_of(item, depth + 1) for item in value], NOWHERE)
        case float() if not math.isfinite(value):
            raise ValueError(f"JSON has no number {value}")
        case _:
            return ScalarNode(value, str(value), NOWHERE)


def plain(node: Node) -> Any:
    """The tree as a JSON value: dict, list, str, int, float, bool or None."""
    match node:
        case MappingNode(entries):
            return {key: plain(entry.node) for key, entry in entries.items()}
        case SequenceNode(items):
            return [plain(item) for item in items]
        case ScalarNode(value):
            return value
        case _ as never:
            assert_never(never)


def node_at(node: Node, path: Iterable[str | int]) -> Node:
    """The node at a JSON path, or the last one on the way to it that exists."""
    for part in path:
        match node:
            case MappingNode(entries) if part in entries:
                node = entries[str(part)].node
            case SequenceNode(items) if isinstance(part, int) and part < len(items):
                node = items[part]
            case _:
                break
    return node


def mappings_at(holder: MappingNode, key: str) -> list[MappingNode]:
    """The mappings in the list that stands under the key."""
    node = node_at(holder, [key])
    items = node.items if isinstance(node, SequenceNode) else []
    return [item for item in items if isinstance(item, MappingNode)]


def quoted(text: str) -> str:
    """Text as it may stand in a message: in quotes, on one line, printable, not too long."""
    if len(text) > _LONGEST_QUOTE:
        text = f"{text[:_LONGEST_QUOTE]}..."
    return repr(text)


def described(node: Node) -> str:
    """What was found, for a message that says what was expected."""
    match node:
        case MappingNode():
            return "a mapping"
        case SequenceNode():
            return "a list"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=str(text)):
            return quoted(text) if text else "an empty text"
        case ScalarNode():
            return node.text
        case _ as never:
            assert_never(never)

"""YAML events to trees, with hostile text in mind.

Events are composed one by one and without recursion, and depth and size are bounded before
anything is built: an alias costs what it stands for, so "billion laughs" stop at the limit.
"""

from __future__ import annotations

__all__ = ["MAX_NODES", "Composer", "Refused"]

import re
from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from flowworker.definitions.foreign import TEMPLATE_HINT
from flowworker.definitions.scalars import resolve
from flowworker.definitions.tree import (
    MAX_DEPTH,
    Entry,
    MappingNode,
    Mark,
    Node,
    ScalarNode,
    SequenceNode,
    described,
    quoted,
)

if TYPE_CHECKING:
    from flowworker.definitions.problems import Report

MAX_NODES = 500_000
"""How many values one file may stand for, with every alias written out.

A text counts as one more for each `_WEIGHTY` characters, or aliases of long ones would be free.
"""

_WEIGHTY = 100

_CORE = "tag:yaml.org,2002:"
_SCALAR_TYPES: Final[dict[str, tuple[type, ...]]] = {
    f"{_CORE}null": (NoneType,),
    f"{_CORE}bool": (bool,),
    f"{_CORE}int": (int,),
    f"{_CORE}float": (int, float),
}
_TEXT_TAGS = frozenset({"!", f"{_CORE}str"})
_SURROGATE = re.compile("[\ud800-\udfff]")


class Refused(Exception):
    """The text is not read any further."""

    def __init__(self, message: str, mark: Mark) -> None:
        self.mark = mark
        super().__init__(message)


@dataclass(slots=True)
class _Open:
    """A collection whose end was not read yet.

    Attributes:
        anchor: its name for aliases, or None.
        key: of a mapping, the key whose value comes next.
        inherited: what stands under the merge key `<<`, nearest first.
        size: values in it so far, aliases written out.
        height: levels of nesting in it so far, its own included.
    """

    node: SequenceNode | MappingNode
    anchor: str | None
    key: Node | None = None
    inherited: list[MappingNode] = field(default_factory=list)
    size: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias stands for."""

    node: Node
    size: int
    height: int


class Composer:
    """Builds the trees of one file.

    What is wrong but leaves a tree to go on with is reported; what does not raises `Refused`.

    Attributes:
        documents: one complete tree per document so far.
    """

    def __init__(self, report: Report) -> None:
        self.documents: list[Node] = []
        self._report = report
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None: its end was not read yet
        self._nodes = 0

    @property
    def inside(self) -> str:
        """What is being read: "item 3 of 'steps' that begins on line 7"; or nothing."""
        if not self._open:
            return ""
        last, *outer = reversed(self._open)
        keys = [each.key for each in (last, *outer[:1]) if each.key]
        begun = keys[0] if keys else last.node
        name = described(begun)
        if not keys and outer and isinstance(outer[0].node, SequenceNode):
            of = [f" of {described(each.key)}" for each in outer[1:2] if each.key]
            name = f"item {len(outer[0].node.items) + 1}{''.join(of)}"
        return f"{name} that begins on line {begun.mark.line}"

    def feed(self, event: Event) -> None:
        """Take the parser's next event."""
        match event:
            case DocumentStartEvent():
                self._anchors.clear()
            case ScalarEvent():
                self._scalar(event)
            case AliasEvent():
                self._alias(event)
            case CollectionStartEvent():
                self._start(event)
            case CollectionEndEvent():
                self._end()
            case _:
                pass

    def _scalar(self, event: ScalarEvent) -> None:
        size = 1 + len(event.value) // _WEIGHTY
        self._count(size, event)
        mark = _mark_of(event)
        until = 0 if event.style else _line_of(event.end_mark)
        node = ScalarNode(self._value(event, mark), event.value, mark, until)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, size, 0)
        self._place(node, size, 0)

    def _start(self, event: CollectionStartEvent) -> None:
        self._count(1, event)
        self._descend(1, event)
        is_mapping = isinstance(event, MappingStartEvent)
        if event.tag not in {None, "!", f"{_CORE}{'map' if is_mapping else 'seq'}"}:
            self._refuse_tag(event)
        if event.anchor:
            self._anchors[event.anchor] = None
        mark = _mark_of(event)
        node = MappingNode({}, mark) if is_mapping else SequenceNode([], mark)
        self._open.append(_Open(node, event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        if isinstance(done.node, MappingNode):
            for parent in done.inherited:
                for key, entry in parent.entries.items():
                    done.node.entries.setdefault(key, entry)
        if done.anchor:
            self._anchors[done.anchor] = _Anchored(done.node, done.size, done.height)
        self._place(done.node, done.size, done.height)

    def _alias(self, event: AliasEvent) -> None:
        name = str(event.anchor)
        if name not in self._anchors:
            raise Refused(
                f"alias {quoted(name)} stands for nothing: there is no such anchor", _mark_of(event)
            )
        anchored = self._anchors[name]
        if anchored is None:
            raise Refused(
                f"alias {quoted(name)} stands for something that contains it", _mark_of(event)
            )
        self._count(anchored.size, event)
        self._descend(anchored.height, event)
        self._place(anchored.node, anchored.size, anchored.height)

    def _place(self, node: Node, size: int, height: int) -> None:
        """Put a complete node where it belongs."""
        if not self._open:
            self.documents.append(node)
            return
        parent = self._open[-1]
        parent.size += size
        parent.height = max(parent.height, height + 1)
        if isinstance(parent.node, SequenceNode):
            parent.node.items.append(node)
        elif parent.key is None:
            parent.key = node
        else:
            self._pair(parent, parent.node, parent.key, node)
            parent.key = None

    def _pair(self, parent: _Open, mapping: MappingNode, key: Node, node: Node) -> None:
        if _is_template(mapping, key):
            self._report.settle(mapping.mark, "expected a value, found a '{{ }}'", TEMPLATE_HINT)
        elif not isinstance(key, ScalarNode) or not isinstance(key.value, str):
            hint = "put it in quotes" if isinstance(key, ScalarNode) else ""
            self._report.add(key.mark, f"a key must be text, found {described(key)}", hint)
        elif key.value == "<<":
            self._merge(parent, node)
        elif first := mapping.entries.get(key.value):
            place = f"the first is on line {first.key_mark.line}"
            self._report.add(key.mark, f"duplicate key {quoted(key.value)}", place)
        else:
            mapping.entries[key.value] = Entry(key.mark, node)

    def _merge(self, parent: _Open, node: Node) -> None:
        for source in node.items if isinstance(node, SequenceNode) else [node]:
            if isinstance(source, MappingNode):
                parent.inherited.append(source)
            else:
                message = f"'<<' merges mappings, found {described(source)}"
                self._report.add(source.mark, message, "'<<: *name' refers to '&name {...}'")

    def _value(self, event: ScalarEvent, mark: Mark) -> str | int | float | bool | None:
        text: str = event.value
        if _SURROGATE.search(text):
            self._report.add(mark, "half a surrogate pair is no character")
        if event.tag in _TEXT_TAGS or (event.tag is None and not event.implicit[0]):
            return text
        if event.tag is not None and event.tag not in _SCALAR_TYPES:
            self._refuse_tag(event)
            return text
        try:
            value = resolve(text)
        except ValueError as error:
            message = f"{quoted(text)} cannot be read: {error}"
            self._report.add(mark, message, "if it is meant as text, put it in quotes")
            return None
        if event.tag is not None and not isinstance(value, _SCALAR_TYPES[event.tag]):
            kind = event.tag.removeprefix(_CORE)
            self._report.add(mark, f"{quoted(text)} is tagged '!!{kind}', but is none")
        return value

    def _count(self, nodes: int, event: Event) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise Refused(
                f"too large: more than {MAX_NODES:,} values, aliases written out", _mark_of(event)
            )

    def _descend(self, levels: int, event: Event) -> None:
        if len(self._open) + levels > MAX_DEPTH:
            raise Refused(f"nested too deeply: more than {MAX_DEPTH} levels", _mark_of(event))

    def _refuse_tag(self, event: ScalarEvent | CollectionStartEvent) -> None:
        tag = str(event.tag).replace(_CORE, "!!")
        hint = "definitions hold text, numbers, true, false, null, lists and mappings"
        self._report.add(_mark_of(event), f"tag {quoted(tag)} is not supported", hint)


def _is_template(mapping: MappingNode, key: Node) -> bool:
    """Whether `{{ name }}` without quotes was read: a mapping that is a key of another."""
    directly = Mark(mapping.mark.line, mapping.mark.column + 1)
    return (
        isinstance(key, MappingNode)
        and key.mark == directly
        and [described(entry.node) for entry in key.entries.values()] == ["nothing"]
    )


def _mark_of(event: Event) -> Mark:
    mark: Any = event.start_mark
    return Mark(_line_of(mark), mark.column + 1)


def _line_of(mark: Any) -> int:
    return int(mark.line) + 1

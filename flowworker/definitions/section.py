"""Reads one mapping of a document: hands out typed values and reports what is wrong with them.

A value that is absent (or null, as in the Go package) or wrong reads as None, so that reading goes
on and every problem is found.
"""

from __future__ import annotations

__all__ = ["Located", "Section", "given"]

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from flowworker.core.ids import DOTTED_NAME, MAX_NAME
from flowworker.definitions.duration import parse_duration
from flowworker.definitions.foreign import MAPPINGS, hint_for, template_hint
from flowworker.definitions.syntax import going_on
from flowworker.definitions.tree import (
    MappingNode,
    Mark,
    Node,
    ScalarNode,
    SequenceNode,
    described,
    quoted,
)
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    import re
    from enum import StrEnum

    from msgspec import Struct

    from flowworker.definitions.problems import Report

_Choice = TypeVar("_Choice", bound="StrEnum")

# The Go package's YAML library takes the words of YAML 1.1 where it expects a boolean.
_FLAGS = {"yes": True, "on": True, "no": False, "off": False}


class Located(NamedTuple):
    """A text and its place."""

    text: str
    mark: Mark


class Section:
    """A mapping whose keys are the fields of one struct in `document`.

    Attributes:
        mark: where it begins.
        title: what it is, for messages: "step 'ship'".
        is_understood: it has no unknown key, of which nobody knows what it would change.
    """

    def __init__(self, node: MappingNode, shape: type[Struct], title: str, report: Report) -> None:
        """Report the keys that the shape does not know."""
        self.mark = node.mark
        self.title = title
        self._entries = node.entries
        self._report = report
        known = shape.__struct_encode_fields__
        self.is_understood = node.entries.keys() <= set(known)
        for key, entry in node.entries.items():
            if key not in known:
                message = f"unknown key {quoted(key)} in {title}"
                hint = hint_for(shape, key) or report.nearest(key, known)
                report.add(entry.key_mark, message, hint)

    def node(self, key: str) -> Node | None:
        """What stands under the key; None for nothing."""
        entry = self._entries.get(key)
        if entry is None or (isinstance(entry.node, ScalarNode) and entry.node.value is None):
            return None
        return entry.node

    def mark_of(self, key: str) -> Mark:
        """Where the value of the key stands, or else where the section does."""
        node = self.node(key)
        return node.mark if node else self.mark

    def missing(self, key: str, expected: str) -> None:
        """Report that the key is absent, or has nothing under it."""
        if entry := self._entries.get(key):
            message = f"{quoted(key)} of {self.title} is empty: expected {expected}"
            self._report.add(entry.key_mark, message)
        else:
            self._report.add(self.mark, f"missing {quoted(key)} in {self.title}")

    def wrong(self, key: str, node: Node, expected: str, hint: str = "") -> None:
        """Report that a node under the key is not what was expected."""
        place = f"{quoted(key)} of {self.title}"
        message = f"{place}: expected {expected}, found {described(node)}"
        hint = hint or template_hint(node) or going_on(node, self._report.lines)
        entry = self._entries[key]
        # A mapping that begins on a later line has its first key there: no place for this.
        is_below = node is entry.node and entry.key_mark.line < node.mark.line
        mark = entry.key_mark if is_below and not isinstance(node, ScalarNode) else node.mark
        self._report.add(mark, message, hint)

    def text(self, key: str, longest: int | None = None) -> str | None:
        """A text, or another scalar as it is written: a version `1.10` stays 1.10."""
        node = self.node(key)
        if isinstance(node, ScalarNode) and (longest is None or len(node.text) <= longest):
            return node.text
        if node:
            self.wrong(key, node, f"a text of at most {longest} characters" if longest else "text")
        return None

    def name(self, key: str, pattern: re.Pattern[str] = DOTTED_NAME) -> str | None:
        """A name that matches the pattern and has at most `MAX_NAME` characters."""
        node = self.node(key)
        return self._name(key, node, pattern) if node else None

    def required_name(self, key: str) -> str:
        """A name that must be there; an empty text if it is not."""
        if self.node(key) is None:
            self.missing(key, "a name")
        return self.name(key) or ""

    def names(self, key: str) -> list[Located]:
        """A list of different names; a single name is a list of one."""
        node = self.node(key)
        if node is None:
            return []
        items = node.items if isinstance(node, SequenceNode) else [node]
        found: dict[str, Mark] = {}
        for item in items:
            name = self._name(key, item, DOTTED_NAME)
            if name in found:
                message = f"{quoted(key)} of {self.title} has {quoted(name)} twice"
                self._report.add(item.mark, message)
            elif name:
                found[name] = item.mark
        return [Located(name, mark) for name, mark in found.items()]

    def flag(self, key: str) -> bool | None:
        """True or false."""
        node = self.node(key)
        if node is None:
            return None
        value = node.value if isinstance(node, ScalarNode) else None
        value = _FLAGS.get(value.lower()) if isinstance(value, str) else value
        if not isinstance(value, bool):
            self.wrong(key, node, "true or false")
            return None
        return value

    def integer(self, key: str, least: int, most: int, expected: str = "") -> int | None:
        """A whole number from `least` to `most`; `expected` says what else it may be."""
        node = self.node(key)
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        if node:
            self.wrong(key, node, expected or f"a whole number from {least} to {most}")
        return None

    def number(self, key: str, least: int, most: int | None = None) -> float | None:
        """A number from `least`, to `most` if there is one."""
        node = self.node(key)
        value = node.value if isinstance(node, ScalarNode) else None
        upper = math.inf if most is None else most
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and least <= value <= upper
        ):
            return float(value)
        if node:
            upto = "" if most is None else f" to {most}"
            self.wrong(key, node, f"a number from {least}{upto}")
        return None

    def duration(self, key: str, *, positive: bool = True) -> float | None:
        """Seconds."""
        node = self.node(key)
        if node is None:
            return None
        if not isinstance(node, ScalarNode) or node.value is None or isinstance(node.value, bool):
            self.wrong(key, node, "a duration such as 500ms, 30s or 1h30m")
            return None
        try:
            seconds = parse_duration(node.value)
        except InvalidInput as error:
            message = f"{quoted(key)} of {self.title}: {error}"
            self._report.add(node.mark, message, template_hint(node))
            return None
        if positive and not seconds:
            self.wrong(key, node, "a duration greater than 0")
            return None
        return seconds

    def choice(self, key: str, choices: type[_Choice], expected: str = "") -> _Choice | None:
        """One of the words of an enumeration; `expected` says what else it may be."""
        node = self.node(key)
        if node is None:
            return None
        words = [choice.value for choice in choices]
        text = node.text if isinstance(node, ScalarNode) else ""
        if text not in words:
            usual = f"one of {', '.join(words)}" if len(words) > 1 else words[0]
            expected = expected or usual
            self.wrong(key, node, expected, self._report.nearest(text, words) if text else "")
            return None
        return choices(text)

    def section(self, key: str, shape: type[Struct]) -> Section | None:
        """A mapping under the key."""
        node = self.node(key)
        if isinstance(node, MappingNode):
            return Section(node, shape, f"{key} of {self.title}", self._report)
        if node:
            self.wrong(key, node, "a mapping", MAPPINGS.get(key, ""))
        return None

    def _name(self, key: str, node: Node, pattern: re.Pattern[str]) -> str | None:
        text = node.text if isinstance(node, ScalarNode) else ""
        if len(text) <= MAX_NAME and pattern.fullmatch(text):
            return text
        joined = " joined by dots" if pattern is DOTTED_NAME else ""
        expected = f"at most {MAX_NAME} letters, digits, '_' and '-'{joined}"
        self.wrong(key, node, expected)
        return None


def given(**values: Any) -> dict[str, Any]:
    """The values that the document states; the model has the defaults of the others."""
    return {name: value for name, value in values.items() if value is not None}

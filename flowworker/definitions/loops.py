"""What a document states of a step that is a loop."""

from __future__ import annotations

__all__ = ["loop_of"]

from typing import TYPE_CHECKING, Any

from flowworker.core.for_each import ForEach
from flowworker.definitions.loop_document import ITEM_NAME, MAX_ITEMS, PERCENTAGE, ForEachDocument
from flowworker.definitions.section import given
from flowworker.definitions.tree import (
    MappingNode,
    ScalarNode,
    SequenceNode,
    plain,
    quoted,
)
from flowworker.expressions.names import ROOTS

if TYPE_CHECKING:
    from flowworker.definitions.problems import Report
    from flowworker.definitions.section import Section

_HIDDEN = frozenset({*ROOTS, "index", "iterations", "output", "signal"})
"""What an item cannot be called: expressions have something else by that name."""

_WORDS = frozenset({"as", "break", "const", "continue", "else", "false", "for", "function", "if"})
_MORE = frozenset({"import", "in", "let", "loop", "namespace", "null", "package", "return"})
_RESERVED = _WORDS | _MORE | {"true", "var", "void", "while"}
"""Words that no identifier of an expression can be."""


def loop_of(step: Section, report: Report) -> ForEach | None:
    """The loop that a step is; None if it is none, or if what is stated cannot be used."""
    section = step.section("for_each", ForEachDocument)
    if section is None:
        return None
    if step.node("end") is not None:
        message = f"{step.title} has both 'end' and 'for_each'"
        report.add(step.mark_of("for_each"), message, "the run ends once")
    items = _items(section, report)
    if items is None:
        return None
    stated = given(
        as_=_name(section, report),
        max_parallel=section.integer("max_parallel", 1, MAX_ITEMS),
        tolerated_failures=_tolerated(section),
    )
    return ForEach(items, **stated)


def _items(section: Section, report: Report) -> Any:
    node = section.node("items")
    if node is None:
        section.missing("items", "an expression such as input.images, or a list")
        return None
    many = len(node.items if isinstance(node, SequenceNode) else ())
    many = max(many, len(node.entries) if isinstance(node, MappingNode) else 0)
    if many > MAX_ITEMS:
        message = f"'items' of {section.title}: a loop has at most {MAX_ITEMS:,} items"
        report.add(node.mark, f"{message}, found {many:,}")
    return node.text if isinstance(node, ScalarNode) else plain(node)


def _name(section: Section, report: Report) -> str | None:
    name = section.name("as", ITEM_NAME)
    if name in _HIDDEN:
        message = f"'as' of {section.title}: {quoted(name)} has a meaning in every expression"
        report.add(section.mark_of("as"), message, "choose another name, such as 'item'")
    elif name in _RESERVED:
        message = f"'as' of {section.title}: {quoted(name)} is a word of the expression language"
        report.add(section.mark_of("as"), message, "choose another name, such as 'item'")
    return name


def _tolerated(section: Section) -> int | str | None:
    node = section.node("tolerated_failures")
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        if PERCENTAGE.fullmatch(node.text):
            return node.text
        expected = "a number of instances, or a percentage from 0% to 100%"
        section.wrong("tolerated_failures", node, expected)
        return None
    return section.integer("tolerated_failures", 0, MAX_ITEMS)

"""Values that a document gives to handlers and to results, and settings that may be expressions."""

from __future__ import annotations

__all__ = ["duration_of", "mapping_of", "priority_of", "queue_of", "schema_of"]

from typing import TYPE_CHECKING, Any

from flowworker.core.ids import TOKEN
from flowworker.core.status import Priority
from flowworker.definitions.schema import schema_problems, secret_problems
from flowworker.definitions.tree import MappingNode, ScalarNode, node_at, plain, quoted

if TYPE_CHECKING:
    from flowworker.definitions.problems import Report
    from flowworker.definitions.section import Section


def mapping_of(section: Section, key: str) -> dict[str, Any] | None:
    """A mapping of names to values of any kind."""
    node = section.node(key)
    if node is None:
        return None
    if not isinstance(node, MappingNode):
        section.wrong(key, node, "a mapping of names to values")
        return None
    found: dict[str, Any] = plain(node)
    return found


def schema_of(section: Section, key: str, report: Report) -> dict[str, Any] | None:
    """A JSON Schema that is valid and complete in itself."""
    node = section.node(key)
    if node is None:
        return None
    if not isinstance(node, MappingNode):
        section.wrong(key, node, "a JSON Schema")
        return None
    schema: dict[str, Any] = plain(node)
    found = schema_problems(schema) or secret_problems(schema, of_input=key == "input_schema")
    for path, message in found:
        place = quoted(".".join([key, *map(str, path)]))
        report.add(node_at(node, path).mark, f"{place}: {message}")
    return schema


def duration_of(section: Section, key: str, *, positive: bool = True) -> float | str | None:
    """Seconds, or a text whose expression gives a duration."""
    return _template(section, key) or section.duration(key, positive=positive)


def priority_of(section: Section, key: str) -> str | None:
    """The name of a lane, or a text whose expression gives one."""
    return _template(section, key) or section.choice(key, Priority)


def queue_of(section: Section) -> str | None:
    """The name of a queue: no expression, since the key of a step's record has it in it."""
    node = section.node("queue")
    if node is None or not _template(section, "queue"):
        return section.name("queue", TOKEN)
    hint = "a step has the same queue in all runs; 'when' can choose between two steps"
    section.wrong("queue", node, "a name", hint)
    return None


def _template(section: Section, key: str) -> str:
    node = section.node(key)
    return node.text if isinstance(node, ScalarNode) and "${" in node.text else ""

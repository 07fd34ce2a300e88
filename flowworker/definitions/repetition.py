"""`repeat` of a step, as it is read."""

from __future__ import annotations

__all__ = ["repeat_of"]

from typing import TYPE_CHECKING

from flowworker.core.repetition import MAX_ITERATIONS, Repeat
from flowworker.definitions.repeat_document import RepeatDocument
from flowworker.definitions.section import given
from flowworker.definitions.values import duration_of

if TYPE_CHECKING:
    from flowworker.definitions.section import Section


def repeat_of(step: Section) -> Repeat | None:
    """Until when a step is run again; None if it is not."""
    section = step.section("repeat", RepeatDocument)
    if section is None:
        return None
    stated = given(
        interval=duration_of(section, "interval", positive=False),
        max=section.integer("max", 1, MAX_ITERATIONS),
    )
    until = section.text("until")
    if until is None:
        section.missing("until", "an expression over 'output', such as output.done")
    return Repeat(until or "", **stated)

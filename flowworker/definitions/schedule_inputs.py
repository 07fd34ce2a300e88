"""Whether the inputs that a definition's schedules say are inputs of that workflow."""

from __future__ import annotations

__all__ = ["check_inputs"]

from typing import TYPE_CHECKING

import msgspec

from flowworker.codec.defaults import filled
from flowworker.definitions.input import InputValidator
from flowworker.definitions.occasions import SOME_TIME, input_at
from flowworker.definitions.tree import node_at, quoted
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.core.model import Workflow
    from flowworker.definitions.problems import Report
    from flowworker.definitions.tree import Node


def check_inputs(document: Node, workflow: Workflow, report: Report) -> None:
    """Report those that do not satisfy its `input_schema`, with a time tried, and defaults.

    Of a definition without other problems. What would take long is left to the times themselves.
    """
    schema = workflow.input_schema
    if not workflow.schedules or schema is None or report.problems:
        return
    validator = InputValidator(schema)
    for number, schedule in enumerate(workflow.schedules):
        value = input_at(schedule.id, schedule.input or {}, SOME_TIME)
        try:
            value = filled(schema, value)
            if validator.is_quick(len(msgspec.json.encode(value))):
                validator.check(value)
        except InvalidInput as error:
            place = node_at(document, ("schedules", number, "input"))
            report.add(place.mark, f"schedule {quoted(schedule.id)}: {error}")

"""Judges the input of runs by a workflow's `input_schema`.

A schema is trusted as a handler is: its regular expressions can take long. Inputs are not.
"""

from __future__ import annotations

__all__ = ["InputValidator"]

from itertools import islice
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from referencing import Registry

from flowworker.definitions.schema import DEFEATED, schema_problems, shortened
from flowworker.errors import DefinitionError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_PROBLEMS = 20


class InputValidator:
    """Judges inputs by one schema, compiled once.

    Raises:
        DefinitionError: the schema is not a valid one.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        if found := schema_problems(schema):
            raise DefinitionError([f"input_schema: {problem.message}" for problem in found])
        self._validator = Draft202012Validator(schema, registry=Registry())

    def check(self, value: Any) -> None:
        """Raise InvalidInput unless a JSON value satisfies the schema."""
        if problems := self.problems(value):
            raise InvalidInput(f"input does not satisfy input_schema: {'; '.join(problems)}")

    def problems(self, value: Any) -> list[str]:
        """What is wrong with a JSON value, a line each that begins with its JSON path; or []."""
        errors = self._validator.iter_errors(value)
        try:
            found = [
                f"{error.json_path}: {shortened(error.message)}"
                for error in islice(errors, _MAX_PROBLEMS)
            ]
            return [*found, "and more"] if next(errors, None) else found
        except RecursionError:
            return ["$: cannot be checked: nested too deeply"]
        except DEFEATED as error:
            return [f"$: cannot be checked: {shortened(str(error))}"]

"""Validates the input of runs against a workflow's `input_schema`.

The user chooses schema and input, and the coordinator that validates has other runs to drive. So
what is certain to be quick is done at once, all else in a process of its own with a time limit.
The upper bound of the time is the schema's weight times the length of the input.
"""

from __future__ import annotations

__all__ = ["InputValidator"]

import signal
import subprocess
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.definitions.schema import compiled, schema_problems, violation
from flowworker.definitions.weight import weigh
from flowworker.errors import DefinitionError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema_rs import Validator

TIME_LIMIT = 5.0
"""Seconds of processor time for what is not certain to be quick: the same for a busy machine."""
_WALL_TIME_LIMIT = 60.0
"""Seconds after which the process is killed, also if the machine was too busy to run it."""
QUICK_VERDICT = 20_000_000
QUICK_LIST = 200_000
"""Weight, or values of the schema, times the input's length, up to which a verdict and a list of
problems are made at once: some tenths of a second at most."""

_MAX_PROBLEMS = 20
_CHILD = "from flowworker.definitions.input import judge; judge({:g})"


class InputValidator:
    """Validates inputs against one schema, compiled once.

    Raises:
        DefinitionError: the schema is not a valid one.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        if found := schema_problems(schema):
            raise DefinitionError([f"input_schema: {problem.message}" for problem in found])
        self._schema = schema
        self._validator = compiled(schema)
        self._weight = weigh(schema)

    def is_quick(self, length: int) -> bool:
        """Whether an input of that length as JSON is checked at once, or may take some seconds."""
        total, values, recursive = self._weight
        few = not recursive and values * length <= QUICK_LIST
        return few and total * length <= QUICK_VERDICT

    def check(self, value: Any) -> None:
        """Raise InvalidInput unless a JSON value satisfies the schema."""
        if problems := self.problems(value):
            raise InvalidInput(f"input does not satisfy input_schema: {'; '.join(problems)}")

    def problems(self, value: Any) -> list[str]:
        """What is wrong with a JSON value, a line each that begins with its JSON path; or []."""
        try:
            length = len(msgspec.json.encode(value))
            if self._weight.total * length > QUICK_VERDICT:
                return _in_a_process(self._schema, value)
            if self._validator.is_valid(value):
                return []
            if self.is_quick(length):
                return _problems(self._validator, value)
        except (RecursionError, ValueError):
            return ["$: cannot be checked: nested too deeply"]
        return _in_a_process(self._schema, value)


def judge(seconds: float) -> None:
    """The process of its own: a schema and a value come in, problems go out, or SIGPROF ends it."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    schema, value = msgspec.json.decode(sys.stdin.buffer.read())
    sys.stdout.buffer.write(msgspec.json.encode(_problems(compiled(schema), value)))


def _in_a_process(schema: Mapping[str, Any], value: Any) -> list[str]:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD.format(TIME_LIMIT)],
            input=msgspec.json.encode((schema, value)),
            capture_output=True,
            timeout=_WALL_TIME_LIMIT,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return [f"$: cannot be checked: no processor was free for that in {_WALL_TIME_LIMIT:g} s"]
    except subprocess.CalledProcessError as error:
        if error.returncode == -signal.SIGPROF:
            return [f"$: cannot be checked within {TIME_LIMIT:g} s"]
        return ["$: cannot be checked: the process that checks inputs failed"]
    problems: list[str] = msgspec.json.decode(done.stdout, type=list[str])
    return problems


def _problems(validator: Validator, value: Any) -> list[str]:
    if validator.is_valid(value):
        return []
    errors = validator.iter_errors(value)
    found = [
        f"{_json_path(error.instance_path)}: {violation(error)}"
        for error in islice(errors, _MAX_PROBLEMS)
    ]
    return [*found, "and more"] if next(errors, None) else found


def _json_path(path: list[str | int]) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)

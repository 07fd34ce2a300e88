"""What is said about a text that breaks a rule."""

from __future__ import annotations

import pytest

from flowworker.definitions import parse
from flowworker.errors import DefinitionError

NAME_RULE = "at most 128 letters, digits, '_' and '-' joined by dots"
DURATION_RULE = "a duration such as 500ms, 30s or 1h30m"


def problems(text, **options):
    with pytest.raises(DefinitionError) as caught:
        parse(text, "f.yaml", **options)
    return [str(problem) for problem in caught.value.problems]


def in_workflow(line):
    """The problems of a line of a workflow; it is line 1."""
    return problems(f"{line}\nname: w\nsteps: [{{id: a, uses: u}}]\n")


def in_step(line):
    """The problems of a line of step 'a'; it is line 3, from column 3."""
    return problems(f"name: w\nsteps:\n- {line}\n  id: a\n  uses: u\n- {{id: b, uses: u}}\n")

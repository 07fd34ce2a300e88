"""The runs of the suite, with their ends, as `expected/` has them: one document a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct, field

HERE = Path(__file__).parent
WORKFLOWS = HERE / "workflows"
EXPECTED = HERE / "expected"


class Act(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody does to a run meanwhile.

    Attributes:
        call: a method of `Client`.
        given: its arguments (`with` in the file).
        when: the states of steps that are waited for before.
        refused: a part of what it is refused with, if it is.
    """

    call: str
    given: dict[str, Any] = field(default_factory=dict, name="with")
    when: dict[str, str] = {}
    refused: str = ""


class End(Struct, forbid_unknown_fields=True):
    """How a run ends.

    Attributes:
        steps: their states; why they are skipped or have failed stands behind it.
        calls: what handlers were called with, by step and attempt.
    """

    status: str
    output: dict[str, Any] = {}
    error: str = ""
    reason: str = ""
    steps: dict[str, str] = {}
    calls: dict[str, Any] = {}


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One run.

    Attributes:
        start: further arguments of `Client.start`.
        rerun: arguments of `Client.rerun`, `run_id` among them, if it is one.
        acts: one after the other.
    """

    run: str
    end: End
    workflow: str = ""
    input: dict[str, Any] = {}
    start: dict[str, Any] = {}
    rerun: dict[str, Any] = {}
    acts: tuple[Act, ...] = ()


def cases() -> list[Case]:
    """All of them."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(EXPECTED.glob("*.yaml")))
    documents = [each for text in texts for each in yaml.safe_load_all(text)]
    return msgspec.convert(documents, list[Case])

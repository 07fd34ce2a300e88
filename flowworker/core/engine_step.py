"""Steps without a handler: what they say (a part of `model`)."""

from __future__ import annotations

__all__ = ["Approval", "End", "EndStatus", "WaitFor"]

from enum import StrEnum
from typing import Any

from msgspec import Struct


class Approval(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A step asks a human, and completes with the answer.

    Attributes:
        prompt: what is asked; a text that may have `${…}`.
        schema: JSON Schema that an answer's output must satisfy; None for any output.
        timeout: seconds after which the step fails, or a text with `${…}`; None for no limit.
    """

    prompt: str = ""
    schema: dict[str, Any] | None = None
    timeout: float | str | None = None


class WaitFor(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A step waits for a signal, and completes with what it says.

    Attributes:
        signal: its name.
        match: an expression over `signal` that says whether it is meant; None for every one.
        timeout: seconds after which the step fails, or a text with `${…}`; None for no limit.
    """

    signal: str
    match: str | None = None
    timeout: float | str | None = None


class EndStatus(StrEnum):
    """How a step with `end` ends its run."""

    COMPLETED = "completed"
    FAILED = "failed"


class End(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The run ends at this step, early: what is in flight is cancelled.

    Attributes:
        status: `failed` compensates what was completed.
        reason: one line for humans; texts with `${…}` in it are evaluated, as in `output`.
        output: what the run results in.
    """

    status: EndStatus = EndStatus.COMPLETED
    reason: str = ""
    output: dict[str, Any] | None = None

"""What steps without a handler wait for, as users write it."""

from __future__ import annotations

__all__ = ["ApprovalDocument", "EndDocument", "WaitForDocument"]

from typing import Annotated, Any

from msgspec import Meta, Struct

from flowworker.core.model import EndStatus
from flowworker.definitions.shapes import GivenDuration, Mapped, Name


class ApprovalDocument(Struct, forbid_unknown_fields=True):
    """The step asks a human, and completes with the answer."""

    prompt: Annotated[str | None, Meta(description="What is asked; may have ${…}.")] = None
    schema: Annotated[
        dict[str, Any] | None,
        Meta(description="JSON Schema (Draft 2020-12) that the output of an answer must satisfy."),
    ] = None
    timeout: Annotated[GivenDuration | None, Meta(description="Then the step fails.")] = None


class WaitForDocument(Struct, forbid_unknown_fields=True):
    """The step completes with the payload of a signal."""

    signal: Annotated[Name, Meta(description="Name of the signal.")]
    match: Annotated[
        str | None, Meta(description="Expression over `signal`: whether it is meant.")
    ] = None
    timeout: Annotated[GivenDuration | None, Meta(description="Then the step fails.")] = None


class EndDocument(Struct, forbid_unknown_fields=True):
    """The run ends at this step, early: what is in flight is cancelled."""

    status: Annotated[
        EndStatus | None, Meta(description="completed, or failed, which compensates.")
    ] = None
    reason: Annotated[str | None, Meta(description="Why; ${…} takes values.")] = None
    output: Annotated[Mapped | None, Meta(description="What the run results in.")] = None

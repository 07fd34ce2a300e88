"""What becomes of a step that fails, as users write it (a part of `document`)."""

from __future__ import annotations

__all__ = [
    "MAX_RULES",
    "EscalationDocument",
    "FallbackDocument",
    "Retry",
    "RetryDocument",
    "SagaDocument",
]

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct, field

from flowworker.core.model import Backoff, EscalationStrategy
from flowworker.definitions.shapes import Attempts, Duration, GivenDuration, Mapped, Name

MAX_RULES = 20
"""Most rules of one `retry`."""


class RetryDocument(Struct, forbid_unknown_fields=True):
    """When and how often a failed attempt is tried again; in a list, after some errors."""

    max_attempts: Annotated[
        Attempts | None,
        Meta(description="All attempts, the first included; of a rule, all that it fits."),
    ] = None
    backoff: Annotated[
        Backoff | None,
        Meta(description="How the delay grows: not at all, or by the factor each time."),
    ] = None
    interval: Annotated[
        GivenDuration | None, Meta(description="Delay before the second attempt; or 100ms.")
    ] = None
    max_interval: Annotated[Duration | None, Meta(description="The longest delay.")] = None
    jitter: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Fraction of the delay that is spread at random, 0 to 1."),
    ] = None
    non_retryable: Annotated[
        list[Name] | Name | None,
        Meta(description="Exception types after which trying again cannot help; bases count."),
    ] = None
    on: Annotated[
        list[Name] | Name | None,
        Meta(description="Error types that the rule fits, all if not given; bases count."),
    ] = None
    factor: Annotated[
        Annotated[float, Meta(ge=1)] | None,
        Meta(description="By how much the delay grows each time; 2 if not given."),
    ] = None
    max_duration: Annotated[
        Duration | None,
        Meta(description="No attempt begins later than this after the first one began."),
    ] = None


_Rules = Annotated[
    list[RetryDocument],
    Meta(min_length=1, max_length=MAX_RULES, description="Rules: the first that fits counts."),
]
Retry: TypeAlias = RetryDocument | _Rules | Attempts | None


class FallbackDocument(Struct, forbid_unknown_fields=True):
    """Another handler whose output becomes the step's when its attempts are spent."""

    uses: Annotated[Name | None, Meta(description="Name of the handler.")] = None
    step: Annotated[Name | None, Meta(description="The older word for `uses`.")] = None
    with_: Annotated[
        Mapped | None, Meta(description="Exactly what the handler gets; texts may have ${…}.")
    ] = field(default=None, name="with")


class EscalationDocument(Struct, forbid_unknown_fields=True):
    """Whom to ask when attempts and fallback are spent."""

    strategy: Annotated[
        EscalationStrategy | None,
        Meta(description="wait_human: the run waits until an operator answers."),
    ] = None


class SagaDocument(Struct, forbid_unknown_fields=True):
    """The compensation that undoes a completed step when the run fails or is cancelled."""

    uses: Annotated[Name, Meta(description="Name of the handler that undoes the step.")]
    is_critical: Annotated[
        bool | None, Meta(description="If it fails, the run is marked as needing attention.")
    ] = None
    retry: Retry = None
    timeout: Annotated[GivenDuration | None, Meta(description="Longest time for one attempt.")] = (
        None
    )
    with_: Annotated[
        Mapped | None,
        Meta(description="Exactly what the handler gets; ${…} may name the step's own output."),
    ] = field(default=None, name="with")

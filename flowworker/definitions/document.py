"""The document as users write it: the source of its JSON Schema and of the keys it may have.

Editors take `schemas/workflow.v1.json`, generated from these structs, to complete and to explain;
`validate` knows from them which keys exist. What the keys mean is in `core.model`.
"""

from __future__ import annotations

__all__ = [
    "CHILD_KEYS",
    "ENGINE_KEYS",
    "MAX_BYTES",
    "MAX_CLOSING",
    "MAX_RULES",
    "MAX_STEPS",
    "DefaultsDocument",
    "EscalationDocument",
    "FallbackDocument",
    "RetryDocument",
    "SagaDocument",
    "StepDocument",
    "WorkflowDocument",
]

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from flowworker.core.ids import MAX_NAME
from flowworker.core.limit import MAX_LIMITS
from flowworker.core.model import MAX_ATTEMPTS, EscalationStrategy, TriggerRule
from flowworker.core.status import Priority
from flowworker.definitions.engine_documents import ApprovalDocument, EndDocument, WaitForDocument
from flowworker.definitions.limit_document import (
    ConcurrencyDocument,
    DebounceDocument,
    FairnessDocument,
    LimitName,
    RunConcurrencyDocument,
    RunThrottleDocument,
    SingletonDocument,
    ThrottleDocument,
)
from flowworker.definitions.loop_document import ForEachDocument
from flowworker.definitions.policy_documents import (
    MAX_RULES,
    EscalationDocument,
    FallbackDocument,
    Retry,
    RetryDocument,
    SagaDocument,
)
from flowworker.definitions.repeat_document import RepeatDocument
from flowworker.definitions.schedule_document import MAX_SCHEDULES, ScheduleDocument
from flowworker.definitions.shapes import (
    Duration,
    GivenDuration,
    GivenPriority,
    Labelled,
    Mapped,
    Name,
    QueueName,
)

MAX_STEPS = 10_000
"""Most steps of one workflow."""

MAX_CLOSING = 100
"""Most steps of its `finally`."""

MAX_BYTES = 16 * 1024 * 1024
"""The largest file that is read, and the largest workflow as JSON: one of as many steps as there
may be, with long names and some dependencies each."""

CHILD_KEYS = ("workflow", "steps")
"""Keys of which a step may have one instead of `uses`: its attempts are runs."""

ENGINE_KEYS = ("end", "sleep", "until", "wait_for", "approval", *CHILD_KEYS)
"""Keys of which a step may have one instead of `uses`."""


class StepDocument(Struct, forbid_unknown_fields=True):
    """One step: a handler, what it waits for, and what happens when it fails."""

    id: Annotated[Name, Meta(description="Unique in the workflow.")]
    uses: Annotated[Name | None, Meta(description="Name of the handler.")] = None
    name: Annotated[str | None, Meta(description="A title for readers of the file.")] = None
    depends_on: Annotated[
        list[Name] | Name | None,
        Meta(description="Steps that come before; all others may run at the same time."),
    ] = None
    queue: Annotated[QueueName | None, Meta(description="Which workers may take the step.")] = None
    timeout: Annotated[GivenDuration | None, Meta(description="Longest time for one attempt.")] = (
        None
    )
    retry: Retry = None
    max_retries: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_ATTEMPTS - 1)] | None,
        Meta(description="Attempts after the first: a short form of `retry`."),
    ] = None
    fallback: FallbackDocument | Name | None = None
    escalation: EscalationDocument | EscalationStrategy | None = None
    saga: SagaDocument | Name | None = None
    with_: Annotated[
        Mapped | None,
        Meta(description="Exactly what the handler gets; ${…} takes values of input and steps."),
    ] = field(default=None, name="with")
    priority: Annotated[
        GivenPriority | None, Meta(description="Lane of the step, if not that of its run.")
    ] = None
    trigger_rule: Annotated[
        TriggerRule | None,
        Meta(description="What must have become of the steps in `depends_on` for it to run."),
    ] = None
    end: Annotated[
        EndDocument | None, Meta(description="Instead of `uses`: the run ends here.")
    ] = None
    when: Annotated[
        str | bool | None,
        Meta(description="An expression; if it is false the step is skipped."),
    ] = None
    continue_on_error: Annotated[
        bool | None,
        Meta(description="If nothing is left to try, the step is FAILED and the run goes on."),
    ] = None
    repeat: Annotated[
        RepeatDocument | None, Meta(description="Run it again until an expression holds.")
    ] = None
    sleep: Annotated[
        GivenDuration | None, Meta(description="Instead of `uses`: wait for so long.")
    ] = None
    until: Annotated[
        str | None,
        Meta(description="Instead of `uses`: wait until then.", examples=["2030-01-31T08:00:00Z"]),
    ] = None
    wait_for: Annotated[
        WaitForDocument | None, Meta(description="Instead of `uses`: wait for a signal.")
    ] = None
    approval: Annotated[
        ApprovalDocument | None, Meta(description="Instead of `uses`: ask a human.")
    ] = None
    workflow: Annotated[
        Name | None, Meta(description="Instead of `uses`: a run of this workflow.")
    ] = None
    steps: Annotated[
        Annotated[list[StepDocument], Meta(max_length=MAX_STEPS)] | None,
        Meta(description="Instead of `uses`: a run of these steps, which get `with` as input."),
    ] = None
    output: Annotated[Mapped | None, Meta(description="What such a group of steps results in.")] = (
        None
    )
    for_each: Annotated[
        ForEachDocument | None,
        Meta(description="Do the step once for each item; its output is the list of theirs."),
    ] = None
    limits: Annotated[
        list[LimitName] | LimitName | None,
        Meta(description="Named limits, which operators set: no more attempts are at work."),
    ] = None
    concurrency: Annotated[
        Annotated[list[ConcurrencyDocument], Meta(max_length=MAX_LIMITS)] | None,
        Meta(description="How many attempts may be at work at a time, for each value of a key."),
    ] = None
    throttle: Annotated[
        ThrottleDocument | None,
        Meta(description="How often an attempt may begin, for each value of a key."),
    ] = None
    fairness: Annotated[
        FairnessDocument | None, Meta(description="Whose share of the queue attempts take.")
    ] = None


class DefaultsDocument(Struct, forbid_unknown_fields=True):
    """What holds for steps with a handler that do not say otherwise."""

    queue: Annotated[QueueName | None, Meta(description="Which workers may take the steps.")] = None
    timeout: Annotated[GivenDuration | None, Meta(description="Longest time for one attempt.")] = (
        None
    )
    retry: Retry = None
    with_: Annotated[
        Mapped | None,
        Meta(description="What handlers get; a step's own `with` adds to it and goes before it."),
    ] = field(default=None, name="with")


class WorkflowDocument(Struct, forbid_unknown_fields=True):
    """A workflow: steps, and which of them depend on which."""

    steps: Annotated[list[StepDocument], Meta(min_length=1, max_length=MAX_STEPS)]
    name: Annotated[
        str | None, Meta(description="Name of the workflow; beside an `id`, a title for readers.")
    ] = None
    id: Annotated[Name | None, Meta(description="Name of the workflow.")] = None
    version: Annotated[
        Annotated[str, Meta(max_length=MAX_NAME)] | float | None,
        Meta(description="The author's own label."),
    ] = None
    description: str | None = None
    expose_to_ai: Annotated[
        bool | None, Meta(description="A flag for programs that offer workflows to AI agents.")
    ] = None
    input_schema: Annotated[
        dict[str, Any] | None,
        Meta(
            description="JSON Schema (Draft 2020-12) that the input of a run must satisfy. What "
            "has `secret: true` there is hidden from people."
        ),
    ] = None
    timeout: Annotated[Duration | None, Meta(description="Longest time for a run.")] = None
    retention: Annotated[
        Duration | None, Meta(description="How long a run is kept after its end.")
    ] = None
    priority: Annotated[
        Priority | None, Meta(description="Lane of the runs, unless their start says otherwise.")
    ] = None
    output: Annotated[
        Mapped | None,
        Meta(description="What a run results in, instead of the outputs of its last steps."),
    ] = None
    finally_: Annotated[
        Annotated[list[StepDocument], Meta(max_length=MAX_CLOSING)] | None,
        Meta(description="Steps that run when all else is over, also after a failure or a cancel."),
    ] = field(default=None, name="finally")
    defaults: DefaultsDocument | None = None
    schedules: Annotated[
        Annotated[list[ScheduleDocument], Meta(max_length=MAX_SCHEDULES)] | None,
        Meta(description="When runs begin by themselves; registered and removed with it."),
    ] = None
    labels: Annotated[
        Labelled | None,
        Meta(description="What runs are found by: texts that may have ${…} over `input`."),
    ] = None
    concurrency: Annotated[
        Annotated[list[RunConcurrencyDocument], Meta(max_length=MAX_LIMITS)] | None,
        Meta(description="How many runs may be at work at a time, for each value of a key."),
    ] = None
    singleton: Annotated[
        SingletonDocument | None,
        Meta(description="One run at a time, for each value of a key: a concurrency of 1."),
    ] = None
    throttle: Annotated[
        RunThrottleDocument | None,
        Meta(description="How often a run may begin, for each value of a key; others wait."),
    ] = None
    rate_limit: Annotated[
        RunThrottleDocument | None,
        Meta(description="How often a run may begin; other starts are rejected."),
    ] = None
    debounce: Annotated[
        DebounceDocument | None,
        Meta(description="Of starts that come close together, only the last one begins."),
    ] = None

"""What users define: a workflow of steps, each with its failure policy.

These types are the compiled form of a YAML file: valid, with durations in seconds. `definitions`
builds them and reports what is wrong; `graph.Plan` refuses what is not a DAG.
"""

from __future__ import annotations

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_SECONDS",
    "USUAL_UNDO",
    "Approval",
    "Backoff",
    "End",
    "EndStatus",
    "Escalation",
    "EscalationStrategy",
    "Fallback",
    "Retries",
    "RetryPolicy",
    "Saga",
    "Step",
    "TriggerRule",
    "WaitFor",
    "Workflow",
]

from enum import StrEnum
from typing import Any, TypeAlias

from msgspec import Struct, field

from flowworker.core.admission import RateLimit, RunConcurrency, Singleton
from flowworker.core.debounce import Debounce
from flowworker.core.engine_step import Approval, End, EndStatus, WaitFor
from flowworker.core.fairness import Fairness
from flowworker.core.for_each import ForEach
from flowworker.core.ids import COORDINATOR
from flowworker.core.limit import Concurrency, Throttle
from flowworker.core.repetition import Repeat
from flowworker.core.schedule import Schedule
from flowworker.core.status import Priority

MAX_SECONDS = 1000 * 86_400.0
"""The longest duration anywhere: a thousand days. More is a mistake in the unit."""

MAX_ATTEMPTS = 1_000
"""Most attempts of one kind in one turn of a step, whatever its rules say."""


class Backoff(StrEnum):
    """How the delay between attempts grows."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"


class EscalationStrategy(StrEnum):
    """Who is asked once attempts and fallback are spent."""

    WAIT_HUMAN = "wait_human"


class TriggerRule(StrEnum):
    """What must have become of a step's dependencies for it to run: Airflow's names and meanings.

    `rules.verdict` says what each of them means.
    """

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"
    ALL_FAILED = "all_failed"
    ALL_SKIPPED = "all_skipped"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"


class RetryPolicy(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """When and how often a failed attempt is tried again. One of several is a rule.

    Attributes:
        max_attempts: all attempts, the first included; of a rule, all with an error that it fits.
        backoff: constant, or multiplied by the factor with every retry.
        interval: seconds before the second attempt, or a text with `${…}` that gives a duration.
        max_interval: cap of the delay in seconds, or None for no cap.
        jitter: fraction of the delay, 0 to 1, that is spread at random around it.
        non_retryable: names of error types after which no retry is made, bases included.
        on: names of the error types that it fits, bases included; empty for all.
        factor: of exponential backoff; at least 1.
        max_duration: seconds after the first attempt began, beyond which none begins; or None.
    """

    max_attempts: int = 1
    backoff: Backoff = Backoff.CONSTANT
    interval: float | str = 0.1
    max_interval: float | None = None
    jitter: float = 0.0
    non_retryable: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    factor: float = 2.0
    max_duration: float | None = None


Retries: TypeAlias = RetryPolicy | tuple[RetryPolicy, ...]
"""One policy for whatever fails, or rules: the first that fits the error counts."""


class Fallback(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Another handler whose output becomes the step's, tried once when the attempts are spent.

    Attributes:
        with_: `with`, as of a step; None for what the step without `with` would get.
    """

    uses: str
    with_: dict[str, Any] | None = field(default=None, name="with")


class Escalation(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whom to ask when attempts and fallback are spent."""

    strategy: EscalationStrategy = EscalationStrategy.WAIT_HUMAN


USUAL_UNDO = RetryPolicy(max_attempts=3, backoff=Backoff.EXPONENTIAL)
"""When a failed compensation is tried again, unless it is said."""


class Saga(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The compensation that undoes a completed step when the run fails or is cancelled.

    A critical compensation that fails marks the run as needing attention.

    Attributes:
        timeout: seconds, or a text with `${…}` that gives a duration; None for no limit.
        with_: `with`, as of a step; what it may name includes the step's own output.
    """

    uses: str
    is_critical: bool = False
    retry: Retries = USUAL_UNDO
    timeout: float | str | None = None
    with_: dict[str, Any] | None = field(default=None, name="with")


class Step(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step: a handler, what it waits for, and what happens when it fails.

    A step without a handler is an *engine step*: coordinators settle it themselves.

    Attributes:
        id: unique in its workflow, `[A-Za-z0-9_-]+` joined by dots.
        uses: name of the handler; empty for an engine step.
        depends_on: ids of the steps of which `trigger_rule` judges.
        queue: which workers may take it.
        timeout: seconds that one call of the handler may take, once it is called, inputs at hand,
            or a text with `${…}` that gives a duration; None for no limit.
        with_: `with`: exactly what the handler gets, once evaluated; None for the merged map.
        priority: lane of its messages, or a text with `${…}` that gives one; None for its run's.
        end: that the run ends here, instead of a handler.
        when: an expression; if it is false the step is skipped.
        continue_on_error: whether the run goes on when nothing is left to try for the step.
        sleep: of an engine step that waits for some time: seconds, or a template of them.
        until: of one that waits for a moment: RFC 3339, or an expression that says when.
        wait_for: of one that waits for a signal.
        approval: of one that asks a human.
        workflow: of one whose attempts are runs: the name of their workflow.
        steps, output: of one whose attempts are runs of these steps, a group, and its result.
        for_each: that it is a loop; all else is then said of its instances, but for `depends_on`,
            `when`, `trigger_rule` and `continue_on_error`.
        repeat: until when it is run again.
        limits, concurrency, throttle: those that its attempts fall under, by name, and its own.
        fairness: whose share of its queue they take; None for nobody's.
    """

    id: str
    uses: str = ""
    depends_on: tuple[str, ...] = ()
    queue: str = "default"
    timeout: float | str | None = None
    retry: Retries = RetryPolicy()
    fallback: Fallback | None = None
    escalation: Escalation | None = None
    saga: Saga | None = None
    with_: dict[str, Any] | None = field(default=None, name="with")
    priority: str | None = None
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    continue_on_error: bool = False
    when: str | None = None
    end: End | None = None
    sleep: float | str | None = None
    until: str | None = None
    wait_for: WaitFor | None = None
    approval: Approval | None = None
    for_each: ForEach | None = None
    repeat: Repeat | None = None
    workflow: str | None = None
    steps: tuple[Step, ...] = ()
    output: dict[str, Any] | None = None
    limits: tuple[str, ...] = ()
    concurrency: tuple[Concurrency, ...] = ()
    throttle: Throttle | None = None
    fairness: Fairness | None = None

    @property
    def has_child(self) -> bool:
        """Whether its attempts are runs."""
        return self.workflow is not None or bool(self.steps)

    @property
    def keeper(self) -> str:
        """Under whose name its record stands: no worker may write that of an engine step.

        Unless there is something that a worker executes in its place, or to undo it.
        """
        by_workers = self.uses or self.fallback is not None or self.saga is not None
        return self.queue if by_workers else COORDINATOR


class Workflow(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A valid definition.

    Attributes:
        name: `[A-Za-z0-9_-]+` joined by dots.
        version: the author's own label; a run pins the content hash, not this.
        input_schema: JSON Schema that a run's input must satisfy, or None. Its defaults fill in
            what a start leaves out.
        timeout: seconds from start after which the run fails; None for no limit.
        retention: seconds that a run is kept after its end; None for the fleet's default.
        priority: lane of its runs unless the start message says otherwise.
        expose_to_ai: the Go package's flag, kept for readers of definitions.
        output: what a run results in, may have `${…}`; None for the outputs of its last steps.
        labels: what its runs are found by; texts that may have `${…}` over `input`.
        finally_: `finally`: steps that run when all else is over, unless the run is terminated.
        schedules: when runs of it begin by themselves.
        concurrency, singleton: how many of its runs may be at work at a time.
        throttle, rate_limit: how often one may begin; others wait, or are rejected.
        debounce: which starts replace each other.
    """

    name: str
    steps: tuple[Step, ...]
    version: str = ""
    description: str = ""
    input_schema: dict[str, Any] | None = None
    timeout: float | None = None
    retention: float | None = None
    priority: Priority = Priority.NORMAL
    expose_to_ai: bool = False
    output: dict[str, Any] | None = None
    finally_: tuple[Step, ...] = field(default=(), name="finally")
    schedules: tuple[Schedule, ...] = ()
    labels: dict[str, str] | None = None
    concurrency: tuple[RunConcurrency, ...] = ()
    singleton: Singleton | None = None
    throttle: Throttle | None = None
    rate_limit: RateLimit | None = None
    debounce: Debounce | None = None

"""The persisted forms: one record per run, one per step. Both carry a version.

A run record changes only when the run as a whole does: created, waiting, stopped, decided upon by
a human, ended. A step record is written by the worker that claims an attempt, and else only
to fence an attempt off. Together they are the truth: `rebuild` makes the state from them.

Revisions are what the store returned for a write. They grow over all records of a store, so that
they order what happened in a run (the saga relies on it).
"""

from __future__ import annotations

__all__ = [
    "MAX_MOMENT",
    "MAX_NAMED",
    "MAX_TEXT",
    "MAX_TRACEBACK",
    "RECORD_VERSION",
    "UNTIMED",
    "Count",
    "ErrorInfo",
    "Paused",
    "Rerun",
    "RunRecord",
    "Seconds",
    "SignalRecord",
    "StepRecord",
    "Stop",
    "StopReason",
    "shortened",
]

from typing import Annotated

from msgspec import Meta, Struct, field

from flowworker.core.admission import Admission
from flowworker.core.answer import Decision
from flowworker.core.attempt import Attempt
from flowworker.core.model import MAX_SECONDS
from flowworker.core.parent import Parent, Rerun
from flowworker.core.paused import Paused
from flowworker.core.payload import Payload
from flowworker.core.schedule import OfSchedule
from flowworker.core.status import Kind, Outcome, Priority, RunStatus, StepStatus
from flowworker.core.stop import Stop, StopReason

RECORD_VERSION = 1

MAX_MOMENT = 200_000_000_000.0
"""Seconds since the Unix epoch, in the year 8307: a time in a record is no later, so that it has a
date, also with the longest duration added."""

Moment = Annotated[float, Meta(ge=0.0, le=MAX_MOMENT)]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0.0, le=MAX_SECONDS)]

UNTIMED = 0.0
"""`since` of an attempt whose policy does not ask for it. (The very object is left out of JSON.)"""

MAX_TEXT = 2000
"""Characters of a user's text in a record."""

MAX_TRACEBACK = 4000
"""The same of a traceback."""

MAX_NAMED = 1000
"""Steps that a record names because their compensation failed; the steps' own states name all."""


def shortened(text: str) -> str:
    """As much of it as a record takes."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


class ErrorInfo(Struct, frozen=True, omit_defaults=True):
    """Why an attempt failed.

    Attributes:
        type: name of the exception type, which `on` and `non_retryable` are compared with.
        message: one line for humans.
        retryable: False when trying again cannot help, whatever the policy says.
        retry_after: seconds to wait before the next attempt; None for what the policy says.
        bases: names of the exception type's bases, compared as well; none from older releases.
    """

    type: str
    message: str
    retryable: bool = True
    retry_after: float | None = None
    bases: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it appears in events: `type: message`."""
        return f"{self.type}: {self.message}" if self.message else self.type


class RunRecord(Struct, frozen=True, omit_defaults=True):
    """The truth about a run as a whole. Times are seconds since the Unix epoch.

    Attributes:
        definition: content hash of the definition that this run is pinned to.
        origin: identity of the start message, which distinguishes a redelivery from a second start.
        reply_to: subject that gets the result, or empty.
        trace: W3C trace context, the start message's or one of its own; `trace_state` goes with it.
        finished_at: when the terminal state was decided; 0 before.
        begins_at: when it is to begin; 0 once it has begun, which `created_at` is the time of then.
        expires: when it is to be removed if it has ended by then; 0 for the usual retention.
        stop: why no new steps start, if so.
        ending: how it ends, since its `finally` has begun.
        decisions: what humans answered, by step, oldest first.
        failed_compensations: steps whose compensation failed for good, the first MAX_NAMED.
        needs_attention: a critical compensation failed.
        output: what it resulted in, if its workflow says what that is.
        sent: digest of the input as its start had it, if defaults were filled into that.
        rerun_of: the run of which this is a rerun, if it is one.
        rerun: what it does again of that.
        parent: what it is of another run, if it is a child.
        depth: how many runs it is below one that is no child.
        secrets: `redaction.Secrets`; if there are any, its events refer to payloads.
        paused: why nothing of it begins, if it was paused by itself.
        labels: names and values by its start and its definition.
        steered: when the latest pause or unpause that was followed was asked for; 0 if none was.
        schedule: which time of which one has begun it.
        held: why nothing of it begins, if its whole workflow was paused; `held_at` is of that what
            `steered` is of the run alone.
        admission: how it stands, if it falls under limits.
        debounce: the id of its key, if its start may be replaced by another.
    """

    run: str
    workflow: str
    definition: str
    status: RunStatus
    input: Payload
    created_at: Moment
    v: int = RECORD_VERSION
    version: str = ""
    priority: Priority = Priority.NORMAL
    origin: str = ""
    reply_to: str = ""
    trace: str = ""
    trace_state: str = ""
    finished_at: Moment = 0.0
    expires: Moment = 0.0
    error: str = ""
    stop: Stop | None = None
    decisions: dict[str, tuple[Decision, ...]] = {}
    failed_compensations: tuple[str, ...] = ()
    needs_attention: bool = False
    ending: RunStatus | None = None
    output: Payload | None = None
    begins_at: Moment = 0.0
    sent: str = ""
    rerun_of: str = ""
    rerun: Rerun | None = None
    parent: Parent | None = None
    depth: Count = 0
    secrets: Payload | None = None
    paused: Paused | None = None
    steered: Moment = 0.0
    schedule: OfSchedule | None = None
    labels: dict[str, str] = {}
    held: Paused | None = None
    held_at: Moment = 0.0
    admission: Admission | None = None
    debounce: str = ""

    @property
    def is_paused(self) -> bool:
        """Whether nothing of it begins for now."""
        return self.paused is not None or self.held is not None

    @property
    def has_begun(self) -> bool:
        """Whether it has been published that it is started, or is about to be."""
        return self.is_prepared and not self.is_early

    @property
    def refused(self) -> str:
        """Why it never begins and is about to be removed, if so."""
        return "" if self.admission is None else self.admission.refused

    @property
    def is_asking(self) -> bool:
        """Whether limits have not let it in that it has asked for."""
        return self.admission is not None and self.admission.is_asking

    @property
    def is_early(self) -> bool:
        """Whether it begins later, or waits for its limits; or was stopped before it began."""
        return self.begins_at > 0.0 or self.is_asking

    @property
    def is_prepared(self) -> bool:
        """Whether it may be driven: not before all is there that a rerun keeps, nor if refused."""
        is_there = not self.rerun_of or self.status is not RunStatus.PENDING or self.is_asking
        return is_there and not self.refused


class StepRecord(Struct, frozen=True, omit_defaults=True):
    """The claim, the state and the output of a step in one, so that they cannot disagree.

    Attributes:
        kind, turn, number, iteration: the attempt (`attempt` on the wire is its number); number 0
            is a checkpoint made before the first.
        outcome: how this attempt stands.
        worker: who holds or held the claim.
        lease_until: until when a RUNNING claim is good (by the worker's clock); 0 for one that
            its worker gave back.
        lost: workers that died with this attempt.
        started_at: when the attempt was claimed.
        finished_at: when its outcome was written.
        output: of the step (kept while it is compensated).
        completed: revision that orders completions; 0 until known. A compensation's claim
            carries it on, since it overwrites the record whose revision it was.
        wakes_at: when a step that waits is looked at again; 0 if it waits for no moment.
        reason: why the step is skipped; why it ends the run; what the one who answered said.
        prompt: what a step asks a human.
        actor: who answered.
        signal: id of the one that a step which waits for signals has completed with.
        noted: the state that a user of `StateStore` wrote; the engine itself leaves it out, but
            for a step that an operator had skipped and that a rerun keeps.
        since: when the first attempt of this kind and turn was claimed, for a policy that asks
            for it; else 0. The claim of each further attempt carries it on.
        spent: failures before this attempt by retry rule, if there are several; carried on, too.
        intervals: seconds that the rules' intervals came to, if these are expressions.
        kept_from: the run that has executed it, if this run is a rerun and did not.
        child: the run that the attempt is, if it is one.
        items: of a loop that has begun, a list of what its instances have.
        traceback: of what the handler raised, for people alone: no event has it.
        count: how many these are.
    """

    run: str
    step: str
    kind: Kind
    turn: int
    number: int = field(name="attempt")
    outcome: Outcome
    v: int = RECORD_VERSION
    worker: str = ""
    lease_until: Moment = 0.0
    lost: int = 0
    started_at: Moment = 0.0
    finished_at: Moment = 0.0
    output: Payload | None = None
    error: ErrorInfo | None = None
    completed: int = 0
    wakes_at: Moment = 0.0
    signal: str = ""
    prompt: str = ""
    actor: str = ""
    noted: StepStatus | None = None
    reason: str = ""
    since: Moment = UNTIMED
    spent: tuple[Count, ...] = ()
    intervals: tuple[Seconds, ...] = ()
    kept_from: str = ""
    child: str = ""
    items: Payload | None = None
    count: Count = 0
    iteration: Count = 0
    traceback: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether it stands as another run has left it; it may still be compensated here."""
        return bool(self.kept_from) and self.number == 0

    @property
    def attempt(self) -> Attempt:
        """The attempt that this is the claim or the outcome of."""
        return Attempt(self.kind, self.turn, self.number, self.iteration)


class SignalRecord(Struct, frozen=True, omit_defaults=True):
    """A signal that was sent to a run.

    Attributes:
        id: sorts by when it was sent.
        at: when that was.
        payload: what it says.
        taken_by: step and attempt that have it.
    """

    run: str
    name: str
    id: str
    at: Moment
    payload: Payload
    v: int = RECORD_VERSION
    taken_by: str = ""

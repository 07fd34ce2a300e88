"""What can be done to many runs at a time, as values: `client.act_on(runs, Cancel("sold out"))`.

Each act is done once to a run, however often it is asked for: what already stops is not asked to
stop again, what was answered is not answered again, and of each run there is one rerun of a kind.
So a call that was interrupted goes on where it was when it is made again, from anywhere, and
nothing has to be remembered for it.
"""

from __future__ import annotations

__all__ = [
    "Act",
    "Acted",
    "Approve",
    "Cancel",
    "Outcome",
    "Pause",
    "Reject",
    "Rerun",
    "Resume",
    "Retry",
    "Signal",
    "Terminate",
    "Unpause",
    "name_of",
]

from enum import StrEnum
from typing import Any, Literal, TypeAlias

from msgspec import Struct


class Cancel(Struct, frozen=True, tag_field="act", tag="cancel", forbid_unknown_fields=True):
    """Stop a run, and undo what it has completed; the reason is stored as its error."""

    reason: str = ""


class Terminate(Struct, frozen=True, tag_field="act", tag="terminate", forbid_unknown_fields=True):
    """Stop a run at once, without undoing anything; the reason is stored as its error."""

    reason: str = ""


class Pause(Struct, frozen=True, tag_field="act", tag="pause", forbid_unknown_fields=True):
    """Let nothing of a run begin for now; reason and actor are shown as long as it pauses."""

    reason: str = ""
    actor: str = ""


class Unpause(Struct, frozen=True, tag_field="act", tag="unpause", forbid_unknown_fields=True):
    """Let a run go on that pauses, as its record says: not one that is only asked to pause."""

    actor: str = ""


class Approve(Struct, frozen=True, tag_field="act", tag="approve", forbid_unknown_fields=True):
    """Approve what a step asks.

    Attributes:
        step: which one. It has to be said: a run may ask something else by now.
        output: a JSON value that becomes the step's output; `{}` if none is given.
        reason: why, kept with the answer.
        actor: who answers, kept with the answer.
    """

    step: str
    output: Any = None
    reason: str = ""
    actor: str = ""


class Reject(Struct, frozen=True, tag_field="act", tag="reject", forbid_unknown_fields=True):
    """Reject what a step asks: it fails. All but `actor` have to be said."""

    step: str
    reason: str
    actor: str = ""


class Resume(Struct, frozen=True, tag_field="act", tag="resume", forbid_unknown_fields=True):
    """Answer a step that has failed and waits for a human.

    Attributes:
        action: `retry` (its whole policy again), `cancel` (it fails), `skip`, or `complete`.
        step: which one. It has to be said: a run may wait for another answer by now.
        output: for `complete`, a JSON value that becomes the step's output.
    """

    action: Literal["retry", "skip", "complete", "cancel"]
    step: str
    output: Any = None


class Signal(Struct, frozen=True, tag_field="act", tag="signal", forbid_unknown_fields=True):
    """Send a signal.

    Attributes:
        name: of the signal, as in `wait_for`.
        payload: a JSON value, which becomes the output of the step that takes it.
        id: of several signals with it to a run, one counts. Without one it follows from name and
            payload, so that to send the same once more takes another id.
    """

    name: str
    payload: Any = None
    id: str = ""


class Retry(Struct, frozen=True, tag_field="act", tag="retry", forbid_unknown_fields=True):
    """Do again what an ended run has not completed, as a new run: `Rerun` with `failed`."""


class Rerun(Struct, frozen=True, tag_field="act", tag="rerun", forbid_unknown_fields=True):
    """Do an ended run again, or a part of it, as a new run.

    The new run's id follows from the run and from all of this.

    Attributes:
        from_step: that step, and what is behind it.
        failed: what was not completed, and what is behind that.
        latest: by the definition that the workflow's name stands for now.
        input: a JSON object, instead of the run's input.
    """

    from_step: str = ""
    failed: bool = False
    latest: bool = False
    input: dict[str, Any] | None = None


Act: TypeAlias = (
    Cancel | Terminate | Pause | Unpause | Approve | Reject | Resume | Signal | Retry | Rerun
)


def name_of(act: Act) -> str:
    """In a word: `cancel`."""
    return str(act.__struct_config__.tag)


class Outcome(StrEnum):
    """What became of an act on one run."""

    REQUESTED = "requested"
    """The request is stored, and will be followed soon; or would be, if nothing is to be done."""

    ALREADY = "already"
    """It was done before, so nothing was asked for."""

    REFUSED = "refused"
    """It cannot be done to that run."""


class Acted(Struct, frozen=True, omit_defaults=True):
    """An act on one run.

    Attributes:
        id: which run.
        new_id: the run that a retry or rerun begins, or has begun before.
        error: why it is refused, one line.
        error_type: name of the error that is raised for it where one run is acted on.
    """

    id: str
    outcome: Outcome
    new_id: str = ""
    error: str = ""
    error_type: str = ""

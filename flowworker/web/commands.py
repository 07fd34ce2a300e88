"""What the endpoints that act are given, and what they answer."""

from __future__ import annotations

__all__ = [
    "Approve",
    "Begun",
    "Pause",
    "Reject",
    "Requested",
    "Rerun",
    "RerunQuery",
    "Resume",
    "Retry",
    "Signal",
    "Start",
    "Stop",
    "Unpause",
]

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from flowworker.core.status import Priority
from flowworker.web.endpoint import Query
from flowworker.web.forms import Name, RunId

Text = Annotated[str, Meta(max_length=4_096)]


class Start(Struct, frozen=True, forbid_unknown_fields=True):
    """A run to start.

    Attributes:
        id: also the idempotency key: starting twice with one id gives one run.
        at: the moment at which it begins, by RFC 3339.
        delay: instead: after how long, in seconds or as `1h30m`.
        labels: names and values by which it is found.
    """

    workflow: Name
    input: dict[str, Any] = {}
    id: RunId | None = None
    priority: Priority | None = None
    at: Text | None = None
    delay: float | Text | None = None
    labels: dict[str, str] = {}


class Stop(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a run is to stop; it is stored as the run's error."""

    reason: Text = ""


class Pause(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a run, queue or workflow is to pause, shown as long as it does; it is the sender's."""

    reason: Text = ""


class Unpause(Struct, frozen=True, forbid_unknown_fields=True):
    """That a run or a queue is to go on; who says so is who sends it."""


class Resume(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to a step that has failed and waits for a human.

    Attributes:
        step: may be left out if only one waits.
        output: for `complete`, what becomes the step's output.
    """

    action: Literal["retry", "skip", "complete", "cancel"]
    step: Text = ""
    output: Any = None


class Approve(Struct, frozen=True, forbid_unknown_fields=True):
    """Yes to a step that asks; who says so is who sends it.

    Attributes:
        step: may be left out if only one asks.
        output: what becomes the step's output; `{}` if it is left out.
    """

    step: Text = ""
    output: Any = None
    reason: Text = ""


class Reject(Struct, frozen=True, forbid_unknown_fields=True):
    """No to a step that asks; who says so is who sends it."""

    reason: Text
    step: Text = ""


class Signal(Struct, frozen=True, forbid_unknown_fields=True):
    """A signal for a run.

    Attributes:
        id: an idempotency key: of several signals with it to a run, one counts.
    """

    name: Name
    payload: Any = None
    id: Text | None = None


class Retry(Struct, frozen=True, forbid_unknown_fields=True):
    """Do again what a run has not completed, under this id."""

    id: RunId | None = None


class Rerun(Struct, frozen=True, forbid_unknown_fields=True):
    """Do a run again, or a part of it.

    Attributes:
        from_step: only that step, and what is behind it.
        failed: only what was not completed, and what is behind that.
        latest: by the definition that the workflow's name stands for now.
        input: instead of the run's.
        id: of the new run, and idempotency key.
    """

    from_step: Text = ""
    failed: bool = False
    latest: bool = False
    input: dict[str, Any] | None = None
    id: RunId | None = None


class RerunQuery(Query, frozen=True):
    """Which rerun is looked at."""

    from_step: Text = ""
    failed: bool = False
    latest: bool = False


class Begun(Struct, frozen=True):
    """A run whose start is stored, and will be followed soon."""

    id: str


class Requested(Struct, frozen=True):
    """A request that is stored, and will be followed soon."""

    id: str
    requested: str

"""What shall be done about a fact: values that the coordinator performs in this order.

Save      first, by compare-and-set: a coordinator with an old view stops here
Emit      then the run's history, so that an effect never precedes its cause in it
the rest  in any order: every one is idempotent

A question is last of all: its answer needs a value that `decide` does not see, and is a fact, upon
which is decided again before anything else happens to the run.
"""

from __future__ import annotations

__all__ = [
    "Answer",
    "Conclude",
    "Dispatch",
    "Effect",
    "Emit",
    "Enter",
    "Expand",
    "Fence",
    "Finish",
    "Gather",
    "Judge",
    "Question",
    "Repeat",
    "Save",
    "SetStart",
    "SetTimeout",
    "Withdraw",
]

from msgspec import Struct

from flowworker.core.attempt import Attempt
from flowworker.core.event_types import EventType
from flowworker.core.payload import Payload
from flowworker.core.status import RunStatus


class Save(Struct, frozen=True):
    """Write the run's record; `moved_from` is its former status when the index must follow."""

    moved_from: RunStatus | None = None


class Emit(Struct, frozen=True, omit_defaults=True):
    """Publish an event. `detail` makes the event's id unique among those of its type in the run.

    Attributes:
        number: of the attempt that it is about.
    """

    type: EventType
    detail: str = ""
    step_id: str = ""
    error: str = ""
    reason: str = ""
    fallback_to: str = ""
    number: int = 0
    delay: float = 0.0
    steps_count: int = 0
    failed_compensations: tuple[str, ...] = ()


class Dispatch(Struct, frozen=True):
    """Enqueue an attempt, not to start before `due` (0: at once).

    Attributes:
        revision: of the step's record that the claim must find, 0 for none.
        lost: workers that died with this attempt.
        begun: only if it has begun: one that waits looks again at what it waits for.
        again: it may have been enqueued before, and have been withdrawn.
    """

    step: str
    attempt: Attempt
    revision: int
    lost: int = 0
    due: float = 0.0
    begun: bool = False
    again: bool = False


class Fence(Struct, frozen=True):
    """See to it that the step's attempt ends: refuse its claim, or stop its worker.

    What that takes, given the step's record, says `claim.judge_fence`. With `force` the claim is
    revoked even while its worker is alive. The record is at `revision` or later.
    """

    step: str
    attempt: Attempt
    force: bool = False
    revision: int = 0


class Withdraw(Struct, frozen=True):
    """Take back step messages that nobody has claimed: the run pauses.

    Attributes:
        delayed: steps with an attempt whose time may not have come, or with a message for later.
    """

    delayed: tuple[str, ...] = ()


class SetTimeout(Struct, frozen=True):
    """Deliver `TimedOut` at that time, whatever dies meanwhile."""

    at: float


class SetStart(Struct, frozen=True):
    """Begin the run at that time, whatever dies meanwhile."""

    at: float


class Enter(Struct, frozen=True):
    """The run has asked for its limits, and does so again: it may be let in since."""


class Answer(Struct, frozen=True):
    """Write how the approval that an attempt asks for was answered; the attempt ends by that.

    Attributes:
        output: of an approved one, what it completes with.
    """

    step: str
    attempt: Attempt
    approved: bool
    output: Payload | None = None
    reason: str = ""
    actor: str = ""


class Finish(Struct, frozen=True):
    """The run has ended: send its result, start its retention, drop its timers and messages."""


class Conclude(Struct, frozen=True):
    """What does the run result in? The answer is `Concluded`."""


class Judge(Struct, frozen=True):
    """May the step run, by its own condition? The answer is `Judged` if so.

    If not, or if that cannot be said, the step's record says it in place of a claim (which must
    find `revision`), and so does an event.
    """

    step: str
    attempt: Attempt
    revision: int


class Expand(Struct, frozen=True):
    """What are the items of a loop? They are written in its record; the answer is `Expanded`.

    If that cannot be said its attempt is refused, and an event says so.
    """

    step: str
    attempt: Attempt
    revision: int


class Gather(Struct, frozen=True):
    """All instances of a loop are over, or more of them have failed than may.

    What it results in is written in its record, and an event says so.
    """

    step: str
    attempt: Attempt
    revision: int


class Repeat(Struct, frozen=True):
    """Does a step that is repeated run again? The answer is `Repeated` if so.

    If not, the step's record says what it came to, over `revision`, and so does an event.

    Attributes:
        attempt: the one that ended the iteration, at time `at`.
    """

    step: str
    attempt: Attempt
    revision: int
    at: float


Question = Conclude | Expand | Gather | Judge | Repeat
Effect = (
    Answer
    | Save
    | Emit
    | Dispatch
    | Enter
    | Fence
    | SetStart
    | SetTimeout
    | Withdraw
    | Finish
    | Question
)

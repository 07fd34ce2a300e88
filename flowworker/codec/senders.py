"""Who may publish what: which events are believed.

An event stands under the name of its sender, and the broker's permissions keep each to its own. So

* what stands under `coordinator` is believed
* what stands under a queue is believed as far as a worker of that queue can know it: how attempts
  of its steps went. It says nothing about runs, nor about steps of other queues.

A worker that lies about its own queue's steps is believed, as it is if it writes their records.
"""

from __future__ import annotations

__all__ = [
    "OF_WORKERS",
    "Published",
    "Refused",
    "check_sender",
    "is_consistent",
    "is_of_earlier_run",
    "is_of_later_run",
    "published",
    "refusal",
]

from typing import TYPE_CHECKING, NamedTuple

from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR, sequence_of

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.graph import Plan

OF_WORKERS = frozenset(
    {
        EventType.STEP_STARTED,
        EventType.STEP_COMPLETED,
        EventType.STEP_ITERATED,
        EventType.STEP_ATTEMPT_FAILED,
        EventType.STEP_CANCELLED,
        EventType.STEP_COMPENSATED,
        EventType.STEP_WAITING_HANDLER,
    }
)
"""What a worker publishes of attempts."""

_EMIT = "emit."


class Published(NamedTuple):
    """An event of a run.

    Attributes:
        sender: under whose name it was published.
        stored: when the stream took it, epoch seconds; what it says itself can be made up.
    """

    sender: str
    event: CloudEvent
    stored: float


class Refused(Exception):
    """An event is not believed; the message says why."""


def published(subject: str, event: CloudEvent, stored: float) -> Published:
    """What was published at `event.<partition>.<run>.<sender>.<type>`, and stored at that time.

    Raises:
        Refused: it is none of this type, or none that this sender may publish of any run.
    """
    _, _, run, sender, event_type = subject.split(".", 4)
    if not is_consistent(run, sender, event_type, event.type, event.id):
        raise Refused(f"{sender!r} may not publish it")
    return Published(sender, event, stored)


def check_sender(run: str, said: Published, plan: Plan, origin: str = "") -> None:
    """Raise Refused unless it is about the run of that origin, and its sender can know that."""
    event = said.event
    if is_of_earlier_run(event.data.origin, origin):
        raise Refused("it is about a run that had the id before, and was refused")
    why = refusal(run, said.sender, event.type, event.id, event.data.step, plan)
    if why:
        raise Refused(why)


def is_of_earlier_run(said: str, origin: str) -> bool:
    """Whether what names an origin is about a run that had the id before the one with `origin`."""
    return bool(said) and sequence_of(said) < sequence_of(origin)


def is_of_later_run(said: str, origin: str) -> bool:
    """Whether what names an origin is about a run that has the id after the one with `origin`."""
    return sequence_of(said) > sequence_of(origin)


def is_consistent(run: str, sender: str, subject: str, event_type: str, identity: str) -> bool:
    """Whether an event may be what it says, as far as that shows without the run's definition.

    Args:
        run: in whose history it stands.
        sender: that it stands under.
        subject: the type that it stands under.
        event_type: the type that its body gives.
        identity: its id.
    """
    if subject.startswith(_EMIT):  # a digest may follow the type
        return f"{subject}.".startswith(f"{_EMIT}{event_type}.")
    if subject != event_type:
        return False
    if sender == COORDINATOR:
        return True
    return event_type in OF_WORKERS and _is_of(identity, f"{run}/{event_type}")


def refusal(
    run: str, sender: str, event_type: str, identity: str, step: str, plan: Plan | None
) -> str:
    """Why an event is not believed; empty if it is.

    Args:
        run: in whose history it stands.
        sender: that it stands under.
        event_type: that it stands under, and that its body gives.
        identity: its id.
        step: that it is about.
        plan: the run's definition; None if it has none, so that no worker knows anything of it.
    """
    if sender == COORDINATOR:
        return ""
    if event_type not in OF_WORKERS:
        return f"no worker may publish {event_type!r}"
    if not _is_of(identity, f"{run}/{event_type}/{step}"):
        return f"the id {identity[:140]!r} is that of another event"
    if plan is None or not plan.knows(step) or plan.step(step).keeper != sender:
        return f"step {step[:140]!r} is none of queue {sender!r}"
    return ""


def _is_of(identity: str, prefix: str) -> bool:
    """As `core.ids.event_id` makes them: they go on, if at all, after a slash."""
    return identity == prefix or identity.startswith(f"{prefix}/")

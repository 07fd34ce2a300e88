"""Events as a scheduler gets them: read, and refused if their senders may not publish them."""

from __future__ import annotations

__all__ = ["Published", "Refused", "check_sender", "published"]

from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.facts import read_event
from flowworker.codec.senders import is_consistent, refusal

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.graph import Plan


class Published(NamedTuple):
    """An event of a run, and under whose name it was published."""

    sender: str
    event: CloudEvent


class Refused(Exception):
    """An event is not believed; the message says why."""


def published(subject: str, raw: bytes) -> Published:
    """What was published at `event.<partition>.<run>.<sender>.<type>`.

    Raises:
        InvalidInput, NewerRelease: as `read_event`.
        Refused: it is none of this type, or none that this sender may publish of any run.
    """
    _, _, run, sender, event_type = subject.split(".", 4)
    event = read_event(run, raw)
    if not is_consistent(run, sender, event_type, event.type, event.id):
        raise Refused(f"{sender!r} may not publish it")
    return Published(sender, event)


def check_sender(run: str, said: Published, plan: Plan) -> None:
    """Raise Refused unless the run's definition lets the sender know that."""
    event = said.event
    why = refusal(run, said.sender, event.type, event.id, event.data.step_id, plan)
    if why:
        raise Refused(why)

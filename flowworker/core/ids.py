"""Names, partitions, and the identities that make every effect idempotent."""

from __future__ import annotations

__all__ = [
    "COORDINATOR",
    "DOTTED_NAME",
    "HISTORY",
    "KEY",
    "MAX_NAME",
    "OF_SCHEDULE",
    "RESERVED_QUEUES",
    "RUN_ID",
    "RUN_ID_OF_CHILD",
    "RUN_ID_OF_SEQUENCE",
    "STEP_ID",
    "SUBJECT",
    "TOKEN",
    "UPLOAD",
    "attempt_key",
    "child_run_id",
    "defined_id",
    "event_id",
    "event_message_id",
    "idempotency_key",
    "index_of",
    "instance_id",
    "is_past",
    "origin_of",
    "partition_of",
    "reserved_for",
    "run_id_of_sequence",
    "sequence_of",
    "shown_id",
    "step_of",
    "time_of",
]

import re
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.core.attempt import Attempt
    from flowworker.core.status import Kind

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""A run id is one token of a NATS subject."""

RUN_ID_OF_SEQUENCE = re.compile(r"seq-[0-9]+")
"""The form of generated run ids, which no client may choose."""

RUN_ID_OF_CHILD = re.compile(r"sub-[A-Za-z0-9_-]{1,40}-[0-9a-f]{24}")
"""The form of the ids of child runs, which no client may choose either."""

OF_SCHEDULE = "schedule:"
"""What precedes the id of a schedule where otherwise the id of a run stands."""

HISTORY = re.compile(rf"({OF_SCHEDULE})?{RUN_ID.pattern}")
"""Whose events stand together: those of a run, or of a schedule."""

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Queues and namespaces are one token of a NATS subject as well."""

DOTTED_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
"""Workflows, steps and handlers are tokens joined by dots."""

COORDINATOR = "coordinator"
"""Stands for all coordinators where a name says who publishes or writes; a queue's own name stands
for its workers."""

UPLOAD = "upload"
"""Stands there for clients."""

RESERVED_QUEUES = frozenset({COORDINATOR, UPLOAD})
"""What no queue can be called: its workers would pass for others."""

MAX_NAME = 128
"""Longest name of a workflow, step, handler or queue in a definition, in characters."""

STEP_ID = re.compile(rf"{DOTTED_NAME.pattern}(/[0-9]{{1,9}})?")
"""Steps, and instances of loops."""

KEY = re.compile(r"[A-Za-z0-9_/-]+(\.[A-Za-z0-9_/-]+)*")
"""Keys of records and names of timers, which may name an instance of a loop."""

_OF = "/"
"""Between a loop and the index of an instance of it; no defined id has one."""

_SHOWN = re.compile(r"(.+)\[([0-9]{1,9})\]")

SUBJECT = re.compile(r"(?=.{1,1024}$)[^\s*>.\x00-\x1f\x7f]+(\.[^\s*>.\x00-\x1f\x7f]+)*")
"""Subjects that a client may have us publish to. (A server ends a connection over one that is much
longer than that.)"""


_NO_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


def instance_id(step: str, index: int) -> str:
    """Id of the instance of a loop that has the item at `index`."""
    return f"{step}{_OF}{index}"


def defined_id(step: str) -> str:
    """Under which id a step is defined: an instance is defined as its loop."""
    return step.partition(_OF)[0]


def index_of(step: str) -> int | None:
    """Which item of its loop an instance has; None for a step that is none."""
    _, _, index = step.partition(_OF)
    return int(index) if index.isdecimal() else None


def shown_id(step: str) -> str:
    """A step as people read and write it: `resize[3]`."""
    name, _, index = step.partition(_OF)
    return f"{name}[{index}]" if index else name


def step_of(text: str) -> str:
    """The id of a step that people have written, as `shown_id` or as it is."""
    named = _SHOWN.fullmatch(text)
    return instance_id(named[1], int(named[2])) if named else text


def partition_of(run: str, partitions: int) -> int:
    """The partition that a run belongs to for its whole life."""
    return zlib.crc32(run.encode()) % partitions


def run_id_of_sequence(sequence: int) -> str:
    """The run id of a start message without `Nats-Msg-Id`.

    It follows from the stream sequence in the PubAck, so that the publisher can compute it and a
    redelivered effect gives the same run.
    """
    return f"seq-{sequence:012d}"


def origin_of(sequence: int, time: float) -> str:
    """Identity of a start message, the same when it is redelivered."""
    return f"{sequence}@{time:.6f}"


def sequence_of(origin: str) -> int:
    """Where the start message is stored; 0 if the run was not begun by one."""
    return int(origin.partition("@")[0] or 0)


def time_of(origin: str) -> float:
    """When that message was stored, epoch seconds; 0.0 if there was none."""
    return float(origin.partition("@")[2] or 0)


def is_past(origin: str, latest: str) -> bool:
    """Whether a message was followed, or one that came after it, if the `latest` was.

    Processes whose commands are each their own, over one store, do not count them together: so what
    was sent later is new, whatever its number.
    """
    return sequence_of(latest) >= sequence_of(origin) and time_of(latest) >= time_of(origin)


def idempotency_key(run: str, step: str, kind: Kind, iteration: int = 0) -> str:
    """Stable over all attempts of one step, for handlers to pass on to other systems.

    Each iteration of a step that is repeated has its own.
    """
    key = f"{run}/{step}/{kind}"
    return f"{key}/{iteration}" if iteration else key


def attempt_key(run: str, step: str, attempt: Attempt, lost: int = 0) -> str:
    """Identity of one attempt: the same attempt dispatched twice has the same key.

    `lost` counts the workers that died with this attempt, so that a takeover which the
    coordinator dispatches is not mistaken for the first dispatch.
    """
    key = f"{run}/{step}/{attempt}"
    return f"{key}+{lost}" if lost else key


def child_run_id(run: str, begun: float, step: str, attempt: Attempt) -> str:
    """The id of the run that an attempt is, the same on all coordinators.

    `begun` tells a run from another one that had the same id.
    """
    digest = sha256(f"{begun!r}/{attempt_key(run, step, attempt)}".encode()).hexdigest()
    return f"sub-{_NO_TOKEN.sub('-', step)[:40]}-{digest[:24]}"


def reserved_for(run: str) -> str:
    """What ids of this form belong to, which no client may choose; empty if one may."""
    if RUN_ID_OF_SEQUENCE.fullmatch(run):
        return "starts without one"
    return "child runs" if RUN_ID_OF_CHILD.fullmatch(run) else ""


def event_id(run: str, event_type: str, detail: str = "") -> str:
    """Deterministic id of an event: what happens once has one id, however often it is published."""
    return f"{run}/{event_type}/{detail}" if detail else f"{run}/{event_type}"


def event_message_id(history: str, event: str) -> str:
    """Identity of the message by which an event stands in a history.

    It is the event's own id where that names the history, and has the history before it elsewhere:
    one event may stand in two, and the server tells by nothing but this what is a repetition.
    """
    return event if event.startswith(f"{history}/") else f"{history}/{event}"

"""Subjects that are known outside of the adapters.

<ns>.event.<partition>.<run>.<sender>.<type>  an event as it is stored
workflow.<type>, <ns>.workflow.<type>         the same as it is published: bare in the default
                                              namespace
<ns>.cancel.<run>                             to all workers: stop what you run of it

The sender is the queue of the worker that published the event, or `coordinator`, so that the broker
can keep each to its own.
"""

from __future__ import annotations

__all__ = [
    "COMMAND_KINDS",
    "DEFAULT_NAMESPACE",
    "RESERVED_NAMESPACES",
    "CommandKind",
    "CommandLane",
    "cancel_subject",
    "event_subject",
    "public_prefix",
    "public_subject",
]

from enum import StrEnum

DEFAULT_NAMESPACE = "flowworker"
"""The one whose events are published under their bare types."""

RESERVED_NAMESPACES = frozenset({"workflow"})
"""What no namespace can be called: its streams would store what others publish."""


class CommandKind(StrEnum):
    """What the subjects of commands begin with that begin runs."""

    START = "start"
    RERUN = "control.rerun"


class CommandLane(StrEnum):
    """Commands that wait for each other, and for those of no other lane."""

    STARTS = "starts"
    CONTROLS = "controls"

    @property
    def kinds(self) -> tuple[str, ...]:
        """First tokens of its commands, after the namespace."""
        return ("start",) if self is CommandLane.STARTS else ("control", "signal")


COMMAND_KINDS = tuple(kind for lane in CommandLane for kind in lane.kinds)
"""First tokens of all commands."""


def public_prefix(namespace: str) -> str:
    """What precedes an event's type in the subject under which it is published."""
    return "" if namespace == DEFAULT_NAMESPACE else f"{namespace}."


def public_subject(namespace: str, event_type: str) -> str:
    """Where an event, or a pattern of them, is published."""
    return f"{public_prefix(namespace)}{event_type}"


def event_subject(
    namespace: str, partition: int | str, run: str, sender: str, event_type: str
) -> str:
    """Where an event, or a pattern of them, is stored."""
    return f"{namespace}.event.{partition}.{run}.{sender}.{event_type}"


def cancel_subject(namespace: str, run: str) -> str:
    """Where workers are notified to stop attempts of a run."""
    return f"{namespace}.cancel.{run}"

"""The keys of records. Patterns use `*` for one token and `>` for the rest, as NATS does.

run.<run>                            a run
step.<queue>.<run>.<step>            a step of it
index.<status>.<workflow>.<…>.<run>  moved when the run's status changes (codec.index)
pause.<queue|workflow>.<name>        that one pauses, or goes on again (codec.pauses)
emit.<queue>.<run>.<event>           what handlers emitted
outbox.<history>.<digest>            an event that no other record tells of (stores.outbox)
signal.<run>.<id>.<name>             signals
heard.<run>.<digest>                 which of them had which message id
schedule.<id>                        a schedule
scheduled.<workflow>.<id>            one that is part of the workflow's definition
looked.<partition>                   after which start of the server all its runs were looked at,
                                     and since which revision what it has may not be flushed
limit.<id>                           who holds a limit; an id has two tokens
debounce.<id>                        which of the starts that replace each other is the last
waiting.<id>.<ticket>.<run>.<step>   a step that waits for it: in the order of their tickets
waiting.<id>.<ticket>.<run>          a run that does
"""

from __future__ import annotations

__all__ = [
    "ANY_RUN",
    "RETENTION",
    "SCHEDULE_CHANGED",
    "SCHEDULE_NEXT",
    "START",
    "TIMEOUT",
    "debounce_key",
    "emit_key",
    "emits_pattern",
    "emitted_at",
    "heard_key",
    "limit_key",
    "looked_key",
    "outbox_key",
    "outboxed_of",
    "partition_in",
    "run_in",
    "run_key",
    "run_patterns",
    "schedule_key",
    "scheduled_key",
    "signal_key",
    "step_key",
    "step_of_timer",
    "step_timer",
    "steps_pattern",
    "waiting_key",
]

from typing import TYPE_CHECKING

from flowworker.codec.index import entries_of

if TYPE_CHECKING:
    from flowworker.core.records import RunRecord


RETENTION = "retention"
"""Name of the timer after which an ended run is removed."""

START = "start"
"""Name of the timer at which a delayed run begins."""

TIMEOUT = "timeout"
"""Name of the timer of a workflow's timeout."""

SCHEDULE_NEXT = "schedule-next"
"""Name of the timer at which the next time of a schedule comes; its run is the schedule's id."""

SCHEDULE_CHANGED = "schedule-changed"
"""Name of the timer that goes off at once when there is something new for a schedule to follow."""


_STEP = "step."

ANY_RUN = "*"

_LOOKED = "looked."

_RUN_AT = {
    "run": 1,
    "step": 2,
    "emit": 2,
    "signal": 1,
    "heard": 1,
    "outbox": 1,
    "index": -1,
    ">": 0,
}
"""Which token of a key is its run."""


def run_in(pattern: str) -> str:
    """The run that a key, or all that a pattern matches, belongs to; ANY_RUN if it may be any.

    Of what the outbox has, its history. Empty for what belongs to no run: schedules, limits and
    those who wait for them, pauses.
    """
    tokens = pattern.split(".")
    at = _RUN_AT.get(tokens[0])
    if at is None:
        return ""
    run = tokens[at] if at < len(tokens) else ANY_RUN
    if run in {"*", ">"}:
        return ANY_RUN
    return outboxed_of(pattern) if tokens[0] == "outbox" else run


def partition_in(key: str) -> int | None:
    """The partition that a key is about as a whole; None for all but `looked_key`."""
    return int(key.removeprefix(_LOOKED)) if key.startswith(_LOOKED) else None


def step_timer(step: str) -> str:
    """Name of the timer of a step that waits; ports list it among the step's messages."""
    return _STEP + step


def step_of_timer(name: str) -> str:
    """The step whose timer has that name; empty for any other timer."""
    return name.removeprefix(_STEP) if name.startswith(_STEP) else ""


def run_key(run: str) -> str:
    """Key of a run's record."""
    return f"run.{run}"


def step_key(queue: str, run: str, step: str) -> str:
    """Key of a step's record."""
    return f"step.{queue}.{run}.{step}"


def steps_pattern(run: str) -> str:
    """All step records of a run."""
    return f"step.*.{run}.>"


def emit_key(queue: str, run: str, event_type: str) -> str:
    """Key whose existence says that a worker of the queue has emitted this for the run."""
    return f"emit.{queue}.{run}.{event_type}"


def emits_pattern(run: str) -> str:
    """All such keys of a run."""
    return f"emit.*.{run}.>"


def emitted_at(key: str) -> tuple[str, str]:
    """Queue and event of such a key."""
    _, queue, _, event = key.split(".", 3)
    return queue, event


def outbox_key(history: str, digest: str) -> str:
    """Key of an event of a history, by the digest of its id; the pattern of all of them if `*`."""
    return f"outbox.{history.replace(':', '/')}.{digest}"


def outboxed_of(key: str) -> str:
    """The history of such a key."""
    return key.split(".")[1].replace("/", ":")


def signal_key(run: str, identity: str, name: str) -> str:
    """Key of a signal's record; the pattern of all of that name if the id is `*`."""
    return f"signal.{run}.{identity}.{name}"


def heard_key(run: str, digest: str) -> str:
    """Key whose existence says that a signal with the message id of that digest was kept."""
    return f"heard.{run}.{digest}"


def run_patterns(record: RunRecord) -> tuple[str, ...]:
    """All keys that belong to a run. Its own record is last: what was cut short is done again.

    It is listed under whatever status: what moved it last may have died before it took it off the
    former list.
    """
    run = record.run
    return (
        steps_pattern(run),
        emits_pattern(run),
        f"signal.{run}.>",
        f"heard.{run}.>",
        entries_of(record),
        run_key(run),
    )


def schedule_key(schedule: str) -> str:
    """Key of a schedule's record; the pattern of all of them if it is `*`."""
    return f"schedule.{schedule}"


def scheduled_key(workflow: str, schedule: str) -> str:
    """Key whose existence says that the workflow's definition has, or had, such a schedule."""
    return f"scheduled.{workflow}.{schedule}"


def looked_key(partition: int) -> str:
    """Key that says which incarnation of the server's all runs of a partition were looked at in."""
    return f"{_LOOKED}{partition}"


def debounce_key(key: str) -> str:
    """Key of what is known of starts that replace each other; `key` is the id of theirs."""
    return f"debounce.{key}"


def limit_key(limit: str) -> str:
    """Key of a limit's record; the pattern of those of a kind, or of all if it is `>`."""
    return f"limit.{limit}"


def waiting_key(limit: str, ticket: str, run: str, step: str) -> str:
    """Key of who waits for a limit: an attempt of a step, or a run. Each part may be a pattern."""
    whole = f"waiting.{limit}.{ticket}.{run}"
    return f"{whole}.{step}" if step else whole

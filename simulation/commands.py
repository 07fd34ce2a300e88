"""What must hold when a command or an alarm is acknowledged: what it stands for is durable."""

from __future__ import annotations

__all__ = ["REQUESTS", "check_alarm", "check_command"]

from hashlib import sha256
from typing import TYPE_CHECKING

from flowworker.codec.keys import (
    RETENTION,
    SCHEDULE_CHANGED,
    SCHEDULE_NEXT,
    START,
    TIMEOUT,
    heard_key,
    step_of_timer,
)
from flowworker.codec.messages import MSG_ID, decode_rerun
from flowworker.core.event_types import EventType
from flowworker.core.ids import event_id, origin_of
from flowworker.core.records import Rerun
from flowworker.core.status import APPROVALS, Outcome
from flowworker.stores.signals import signal_id
from simulation.expecting import expect
from simulation.reruns import may_be_refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.ports import Delivery
    from simulation.pending import Pending
    from simulation.schedules import Schedules
    from simulation.starts import Starts
    from simulation.truth import Truth

REQUESTS = (
    *(EventType.REJECTED, EventType.CANCEL_REQUESTED, EventType.HUMAN_DECIDED),
    *(EventType.PAUSED, EventType.UNPAUSED),
)


def check_command(
    runs: Mapping[str, Truth],
    starts: Starts,
    rejected: set[str],
    refused_runs: set[str],
    waits: Callable[[str], bool],
    delivery: Delivery,
    *,
    misled: bool,
) -> None:
    """A command was acknowledged.

    Args:
        runs: all runs, by id.
        starts: what is known of start messages.
        rejected: ids of the events that say which commands were not followed.
        refused_runs: runs to which a control message was not followed; one may be added.
        waits: whether a run stands on the list of a limit.
        delivery: the command.
        misled: somebody may have read a stale history, and think that an ended run goes on.
    """
    kind, _, rest = delivery.subject.partition(".")
    run = delivery.headers.get(MSG_ID) or f"seq-{delivery.sequence:012d}"
    if kind == "control":
        run = rest.rpartition(".")[2]
    elif kind == "signal":
        run = rest.partition(".")[0]
    refused = event_id(run, EventType.REJECTED, str(delivery.sequence)) in rejected
    truth = runs.get(run)
    if kind == "start":
        starts.acked(truth, run, delivery, refused=refused, waits=waits(run))
        return
    if rest.startswith("rerun."):
        wanted = delivery.headers.get(MSG_ID, run)
        late = event_id(wanted, EventType.REJECTED, str(delivery.sequence)) in rejected
        if not (late and misled):
            _check_rerun(runs, starts, wanted, delivery, refused=late)
        return
    may_be_wrong = rest.partition(".")[0] in APPROVALS  # nobody asks, or not for that
    if refused and not may_be_wrong:
        refused_runs.add(run)
        over = truth is None or truth.over
        expect(over, "a command to a run that is active was refused", run)
    if kind == "signal":
        expect(refused or _is_kept(truth, delivery), "a signal was lost", delivery.subject)
        return
    known = {*rejected, *(truth.published if truth is not None else ())}
    ids = [event_id(run, request, str(delivery.sequence)) for request in REQUESTS]
    expect(known.intersection(ids), "a command was lost", delivery.subject)


def _check_rerun(
    runs: Mapping[str, Truth], starts: Starts, run: str, delivery: Delivery, *, refused: bool
) -> None:
    """A rerun is there and begun, or there is a reason to refuse it."""
    truth, past = runs.get(run), runs.get(delivery.subject.rpartition(".")[2])
    if not refused:
        record = None if truth is None else truth.record
        first = origin_of(delivery.sequence, delivery.time)  # else another message brings it home
        there = record is not None and (record.is_prepared or record.origin != first)
        expect(there, "a rerun was lost", run)
        return
    command = decode_rerun(delivery.data)
    wanted = Rerun(command.point, command.failed, bool(command.definition))
    right = may_be_refused(past, wanted) or truth is not None
    if wanted.latest and past is not None:
        right = right or past.record.workflow in starts.strict
    expect(right, "a rerun was refused that may begin", f"{run} {wanted}")


def _is_kept(truth: Truth | None, delivery: Delivery) -> bool:
    """Whether a signal is kept and its run hears of it, or did when it was sent first."""
    if truth is None:
        return False
    identity = signal_id(delivery.sequence, delivery.time)
    message_id = delivery.headers.get(MSG_ID, "").removeprefix(f"{truth.run}.")
    key = heard_key(truth.run, sha256(message_id.encode()).hexdigest()[:32])
    if message_id and truth.signals.heard.get(key, identity) != identity:
        return True  # the first message brings it home
    heard = event_id(truth.run, EventType.SIGNALLED, identity) in truth.published
    return identity in truth.signals.kept and heard


def check_alarm(
    runs: Mapping[str, Truth],
    pending: Pending,
    schedules: Schedules,
    waits: Callable[[str], bool],
    delivery: Delivery,
) -> None:
    """An alarm was acknowledged; `waits` says whether a run stands on the list of a limit."""
    _, run, name = delivery.subject.split(".", 2)
    if name in {SCHEDULE_NEXT, SCHEDULE_CHANGED}:
        schedules.alarm_acked(delivery, pending)
        return
    truth = runs[run]
    again = pending.timers(run, name) > 0
    step = step_of_timer(name)
    if name == TIMEOUT:
        known = event_id(run, EventType.TIMED_OUT) in truth.published
        expect(known or truth.over or again, "a timeout was lost", run)
    elif name == RETENTION:
        early = truth.replaces and not truth.over
        expect(truth.gone or again or early, "the end of a retention was lost", run)
    elif name == START:
        started = event_id(run, EventType.STARTED) in truth.published
        stops = [event_id(run, EventType.CANCEL_REQUESTED, by) for by in ("debounce", "limit")]
        # Another has come, or there is no place; or limits let it in, perhaps at this moment
        later = not truth.published.keys().isdisjoint(stops)
        later = later or truth.record.is_asking or waits(run)
        expect(started or truth.over or again or later, "the beginning of a run was lost", run)
    else:
        record, _ = truth.steps.get(step, (None, 0))
        sleeps = record is not None and record.outcome is Outcome.RUNNING and not record.worker
        again = again or pending.events(run) > 0  # the next attempt begins, and sets its own
        expect(not sleeps or truth.over or again, "the end of a wait was lost", f"{run} {step}")

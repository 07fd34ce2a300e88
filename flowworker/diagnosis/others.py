"""Of whom something is awaited: coordinators, workers, and who has paused what."""

from __future__ import annotations

__all__ = ["coordinator", "pauses", "worker_of_queue"]

from typing import TYPE_CHECKING

from flowworker.diagnosis.reasons import Reason, ReasonKind
from flowworker.diagnosis.sentences import lasted, spelled

if TYPE_CHECKING:
    from flowworker.core.paused import Paused
    from flowworker.core.status import Kind
    from flowworker.diagnosis.evidence import Evidence, Place, Worker


def coordinator(seen: Evidence, what: str, since: float = 0.0, until: float = 0.0) -> Reason:
    """A coordinator is to do something: `what`, as in `a coordinator is to …`."""
    there, to_do = seen.coordinators, f"is to {what}"
    if there is None:
        return Reason(
            ReasonKind.COORDINATOR, f"the run's coordinator {to_do}", since=since, until=until
        )
    driver = next((one for one in there if seen.partition in one.partitions), None)
    if driver is None:
        number = f"partition {seen.partition}"
        if not there:
            text, remedy = f"a coordinator {to_do}, and none is there", "start a coordinator"
        else:
            text = f"a coordinator {to_do}, and nobody drives {number}"
            remedy = "start a coordinator, unless one takes the partition over within half a minute"
        return Reason(ReasonKind.NO_COORDINATOR, text, (number,), since, until, remedy)
    behind = ""
    if seen.lag:
        behind = f"; {seen.lag:,} events of partition {seen.partition} wait before or with it"
    heard = f"(last heard of {spelled(driver.age)} ago)"
    text = f"coordinator {driver.id} {heard} {to_do}{behind}"
    return Reason(ReasonKind.COORDINATOR, text, (driver.id,), since, until)


def pauses(seen: Evidence, who: str = "") -> tuple[Reason, ...]:
    """Nothing of the run begins until somebody lets it go on; a step says `who`: `its run `."""
    record, found = seen.record, list[Reason]()
    if record.paused is not None:
        text = f"{who}is paused{_why(record.paused, record.steered, seen.now)}"
        remedy = f"flowworker unpause {record.run}"
        subjects, since = (record.run,), record.steered
        found.append(Reason(ReasonKind.PAUSED, text, subjects, since, remedy=remedy))
    if record.held is not None:
        why = _why(record.held, record.held_at, seen.now)
        text = f"its workflow {record.workflow!r} is paused{why}"
        remedy = f"flowworker unpause --workflow {record.workflow}"
        subjects, since = (record.workflow,), record.held_at
        found.append(Reason(ReasonKind.PAUSED, text, subjects, since, remedy=remedy))
    return tuple(found)


def _why(why: Paused | None, since: float, now: float) -> str:
    """For how long, by whom and for what."""
    by = f" by {why.actor}" if why is not None and why.actor else ""
    said = f": {why.reason}" if why is not None and why.reason else ""
    return f"{lasted(since, now)}{by}{said}"


def _held(seen: Evidence, queue: str, place: Place | None) -> Reason | None:
    """That a queue hands nothing out; None if it does."""
    record = seen.queues.get(queue)
    if record is None and (place is None or not place.held):
        return None
    text, since = f"its queue {queue!r} is paused, and no record says why", 0.0
    if record is not None:
        since = record.at
        text = f"its queue {queue!r} is paused{_why(record.paused, since, seen.now)}"
    remedy = f"flowworker unpause --queue {queue}"
    return Reason(ReasonKind.PAUSED, text, (queue,), since, remedy=remedy)


def worker_of_queue(seen: Evidence, step: str, kind: Kind, place: Place | None) -> Reason:
    """A worker is to take an attempt: is there one that can, and why has it not?

    Without a place it is not known whether the message is there.
    """
    queue, handler = seen.defined(step).queue, seen.plan.call(step, kind).uses
    since = 0.0 if place is None else place.stored
    held = _held(seen, queue, place)
    if held is not None:
        return held
    if seen.workers is None:
        return _queued(queue, place, since, "")
    serving = [one for one in seen.workers if queue in one.queues]
    able = [one for one in serving if handler in one.handlers]
    ready = [one for one in able if not one.draining]
    if not serving:
        text = f"no worker is there that serves queue {queue!r}"
        remedy = f"start a worker with --queue {queue}"
        return Reason(ReasonKind.NO_WORKER, text, (queue,), since, remedy=remedy)
    if not able:
        who = "the only worker" if len(serving) == 1 else f"none of the {len(serving)} workers"
        lacks = "lacks" if len(serving) == 1 else "has"
        text = f"{who} of queue {queue!r} {lacks} handler {handler!r}"
        remedy = f"start a worker with --queue {queue} whose App has it, or cancel the run"
        return Reason(ReasonKind.NO_HANDLER, text, (handler,), since, remedy=remedy)
    if not ready:
        text = f"all workers of queue {queue!r} that have handler {handler!r} end just now"
        remedy = f"start a worker with --queue {queue}, if none follows them"
        return Reason(ReasonKind.NO_WORKER, text, (queue,), since, remedy=remedy)
    if place is not None and place.handed_out:
        return _handed_out(queue, handler, serving, since)
    busy, slots = sum(one.running for one in ready), sum(one.slots for one in ready)
    there = f"; {busy} of {slots} slots of {len(ready)} workers are busy"
    return _queued(queue, place, since, there)


def _queued(queue: str, place: Place | None, since: float, there: str) -> Reason:
    before = ""
    if place is None:
        before = ", at a place that is not known"
    elif place.ahead is not None:
        before = f", behind {place.ahead:,} at most" if place.ahead else ", as the first"
    text = f"waits in queue {queue!r}{before}{there}"
    return Reason(ReasonKind.QUEUE, text, (queue,), since)


def _handed_out(queue: str, handler: str, serving: list[Worker], since: float) -> Reason:
    lacking = sum(handler not in one.handlers for one in serving)
    text = f"was handed to a worker of queue {queue!r}, which has not claimed it"
    if lacking:
        text += f"; {lacking} of {len(serving)} lack handler {handler!r} and put it back"
    return Reason(ReasonKind.HANDED_OUT, text, (queue,), since)

"""Hostile workers: they publish and write what the names that are theirs let them, and they lie.

They are workers of another queue, or of the steps' own that speak of what no worker can know.
Nothing of it may change a run. (What a worker says of its own queue's steps is believed.)
"""

from __future__ import annotations

__all__ = ["forge"]

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.cloudevents import CloudEvent, EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.codec.keys import step_key
from flowworker.codec.senders import OF_WORKERS
from flowworker.core.event_types import EventType
from flowworker.core.payload import inline
from flowworker.core.records import StepRecord
from flowworker.core.status import HumanAction, Kind, Outcome

if TYPE_CHECKING:
    from random import Random

    from flowworker.clock import Clock
    from flowworker.ports import Backend
    from simulation.truth import Truth
    from simulation.watch import Watch

_LONGEST_PAUSE = 4.0
_QUEUE, _FOREIGN = "default", "foreign"
_OF_STEPS = sorted(OF_WORKERS)
_OF_RUNS = sorted({*EventType} - OF_WORKERS - {EventType.REJECTED})
_LIE = inline(b'{"n":-1}')


class _Forged(NamedTuple):
    sender: str
    subject: str
    event: CloudEvent


async def forge(random: Random, backend: Backend, clock: Clock, watch: Watch) -> None:
    """Forge something of every run every few seconds, for ever."""
    number = 0
    while True:
        await asyncio.sleep(random.random() * _LONGEST_PAUSE)
        for truth in [truth for truth in watch.runs.values() if not truth.over]:
            number += 1
            sender, subject, event = _forged(random, truth, backend.namespace, clock.now())
            body = encode(event)
            watch.forged.add(body)
            watch.counts["event forged"] += 1
            # The message's own id is theirs: one that another event needs would only delay that.
            identity = f"{truth.run}/forged/{number}"
            await backend.events.publish(truth.run, subject, body, identity, sender=sender)
            await _write(random, backend, truth, clock.now())


def _forged(random: Random, truth: Truth, namespace: str, now: float) -> _Forged:
    step = random.choice(truth.plan.order)
    data = EventData(
        truth.run,
        name=truth.record.workflow,
        definition=truth.plan.hash,
        step_id=step,
        kind=random.choice(list(Kind)),
        turn=1,
        number=1,
        action=random.choice(list(HumanAction)),
        terminate=True,
        revision=random.choice((0, truth.revision, 10**9)),
        at=now + random.choice((0.0, 10.0**6)),
        output=_LIE,
    )

    def event(event_type: EventType, detail: str = "") -> CloudEvent:
        return cloud_event(namespace, event_type, data, now, detail)

    of_step, of_run = random.choice(_OF_STEPS), random.choice(_OF_RUNS)
    attempt = f"{step}/1"
    match random.randrange(4):
        case 0:  # a step of another queue
            return _Forged(_FOREIGN, of_step, event(of_step, attempt))
        case 1:  # the run itself
            return _Forged(random.choice((_QUEUE, _FOREIGN)), of_run, event(of_run))
        case 2:  # under the name of something else
            return _Forged(_QUEUE, of_step, event(of_run))
        case _:  # under the id of something else
            identity = event(of_run).id
            forged = event(of_step, attempt)
            return _Forged(
                _QUEUE,
                of_step,
                CloudEvent(identity, forged.source, of_step, forged.time, data),
            )


async def _write(random: Random, backend: Backend, truth: Truth, now: float) -> None:
    """An outcome under a queue that is not the step's."""
    step = random.choice(truth.plan.order)
    record = StepRecord(
        run=truth.run,
        step=step,
        kind=Kind.RUN,
        turn=1,
        number=1,
        outcome=random.choice((Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED)),
        worker=_FOREIGN,
        started_at=now,
        finished_at=now,
        output=_LIE,
    )
    await backend.runs.put(step_key(_FOREIGN, truth.run, step), encode(record))

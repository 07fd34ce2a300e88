"""Those who write events of their own into the histories of runs, about steps that do not exist."""

from __future__ import annotations

__all__ = ["meddle"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.core.event_types import EventType
from flowworker.core.status import HumanAction, Kind

if TYPE_CHECKING:
    from random import Random

    from flowworker.clock import Clock
    from flowworker.ports import Backend
    from simulation.watch import Watch

_LONGEST_PAUSE = 4.0

_TYPES = (
    EventType.STEP_COMPLETED,
    EventType.STEP_ATTEMPT_FAILED,
    EventType.STEP_CANCELLED,
    EventType.STEP_COMPENSATED,
    EventType.HUMAN_DECIDED,
)


async def meddle(random: Random, backend: Backend, clock: Clock, watch: Watch) -> None:
    """Write one every few seconds, for ever."""
    number = 0
    while True:
        await asyncio.sleep(random.random() * _LONGEST_PAUSE)
        for truth in [truth for truth in watch.runs.values() if not truth.over]:
            number += 1
            step, action = f"stranger{number}", random.choice(list(HumanAction))
            data = EventData(truth.run, step_id=step, kind=Kind.RUN, turn=1, action=action)
            event = cloud_event(
                backend.namespace, random.choice(_TYPES), data, clock.now(), f"{step}/1"
            )
            await backend.events.publish_before_end(truth.run, event.type, encode(event), event.id)

"""The coordinator: takes commands in, and drives runs forward.

service      a coordinator as one process: its start and its end
assembly     its parts put together

commands/    what users send -> runs, and events of runs
alarms       timers that went off -> events, or the removal of a run
driving/     events of runs -> `core.decide` -> effects, run by run
performing/  effects -> records, events, step messages
steps/       steps that no worker executes, and questions of `core.decide`

live         one run in memory
history      what the events of a run say beyond its records
retention    the end of a run                   results    how it ended
sizes        how much room payloads take in messages
"""

from __future__ import annotations

__all__ = ["Coordinator"]

from flowworker.coordinator.service import Coordinator

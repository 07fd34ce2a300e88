"""The coordinator: takes start messages in, and drives runs forward.

intake      commands, shared by all coordinators, each to who takes it: `starts` -> a run,
            `controls` -> an event, or `rejection`
inbox       takes messages that are independent of each other, and acknowledges them
alarms      timers that went off -> events, or the end of a run's retention       (shared)
partitions  which coordinator drives which runs: leases
scheduler   the events of one partition -> `core.decide` -> effects, run by run
active      the runs of a partition in memory, begun by an event or rebuilt from records
performer   performs what was decided
history     what the events of a run say beyond its records
dispatch    an attempt -> a step message
fencing     sees to it that an attempt ends
recovery    runs without progress are rebuilt from their records and decided again
retention   everything that a run leaves behind, and its removal
service     all of it as one process with a start and an end
"""

from __future__ import annotations

__all__ = ["Coordinator"]

from flowworker.coordinator.service import Coordinator

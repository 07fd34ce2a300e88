"""The coordinator: takes start messages in, and drives runs forward.

service     the parts put together, with a start and an end

Commands come in:
intake      commands, shared by all coordinators -> starts, controls, or a rejection
starts      a start message -> a run            requests   what a start message says
controls    a control message -> an event       uploads    what a client stored before
rejection   a command that cannot be taken -> one event
inbox       takes messages that are independent of each other, and acknowledges them
alarms      timers that went off -> events, or the removal of a run

Runs are driven:
partitions  which coordinator drives which runs: leases
scheduler   the events of one partition -> `core.decide` -> effects, run by run
mailboxes   one thing after the other for each run, runs beside each other
active      the runs of a partition in memory   live       one of them
history     what the events of a run say beyond its records
recovery    runs without progress are rebuilt from their records and decided again

Decisions are performed:
performer   effects, in the order in which a crash does no harm
answers     what a decision has to know of values
dispatch    an attempt -> a step message        outputs    what a step is given of others
given       what it is given by its `with`      evaluation expressions of a definition
terms       what its definition says of time    values     what expressions are given
judging     may a step run, by its condition?
ends        a step that ends its run
refusals    an attempt that no message can carry has failed
fencing     sees to it that an attempt ends
retention   the end of a run                    results    how it ended
"""

from __future__ import annotations

__all__ = ["Coordinator"]

from flowworker.coordinator.service import Coordinator

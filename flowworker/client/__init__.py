"""The remote control of a fleet: start runs, look at them, wait for them, act on them.

remote        Client                              reading       its part that sends nothing
starting      what a start is made of             commands      sends starts and controls
lookup        the record of a run, or why not     accepted      starts that wait for a coordinator
waiting       for the end of a run                results       how it ended
views         runs, for people to look at         steps         one step of them
summaries     the same in a line, and why one pauses
looking       what is recorded of a run           payloads      inputs and outputs
reruns        what a rerun would do               answers       to steps that wait for humans
once          an act, unless it is done already   pool          many at a time
watching      events as they happen               step_history  what steps' events add to records
members       the processes of the fleet             checks        what is wrong with a start
hiding        what people do not see of a run
why           what a diagnosis is made of        schedules     schedules, for people to look at
scheduling    acts on them                        registering   definitions, and their schedules
pausing       pauses of queues                    following     commands that are waited for
limits        who holds them, and how many may
"""

from __future__ import annotations

__all__ = [
    "AttemptView",
    "Client",
    "CoordinatorView",
    "Diagnosis",
    "HolderView",
    "LimitView",
    "OccurrenceView",
    "PauseView",
    "PayloadView",
    "Reason",
    "ReasonKind",
    "RerunView",
    "RunPage",
    "RunResult",
    "RunSummary",
    "RunView",
    "ScheduleView",
    "StepDiagnosis",
    "StepView",
    "WaiterPage",
    "WaiterView",
    "WorkerView",
]

from flowworker.client.finding import RunPage
from flowworker.client.limits import HolderView, LimitView, WaiterPage, WaiterView
from flowworker.client.members import CoordinatorView, WorkerView
from flowworker.client.payloads import PayloadView
from flowworker.client.remote import Client
from flowworker.client.reruns import RerunView
from flowworker.client.results import RunResult
from flowworker.client.schedules import OccurrenceView, ScheduleView
from flowworker.client.step_history import AttemptView
from flowworker.client.steps import StepView
from flowworker.client.summaries import PauseView, RunSummary
from flowworker.client.views import RunView
from flowworker.diagnosis import Diagnosis, Reason, ReasonKind, StepDiagnosis

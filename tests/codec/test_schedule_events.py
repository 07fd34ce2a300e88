"""Events of schedules, as others read them."""

from __future__ import annotations

from flowworker.codec.json import encode
from flowworker.codec.schedule_events import history_of, schedule_event
from flowworker.core.ids import HISTORY, RUN_ID
from flowworker.core.schedule_events import ScheduleEventType, Unpublished
from tests.core.schedules import BEGIN, record


def test_an_event_of_a_time():
    kind, run = ScheduleEventType.SKIPPED, "s-20010909T014740Z"
    entry = Unpublished(kind, BEGIN + 61.0, run, BEGIN + 60.0, run, "run r had not ended")

    assert encode(schedule_event("flowworker", record(), entry)) == (
        b'{"id":"s/workflow.schedule.skipped/s-20010909T014740Z",'
        b'"source":"/flowworker/w/schedule:s","type":"workflow.schedule.skipped",'
        b'"time":"2001-09-09T01:47:41.000000+00:00","data":{"id":"s","name":"w",'
        b'"at":1000000061.0,"time":1000000060.0,"run":"s-20010909T014740Z",'
        b'"reason":"run r had not ended"},'
        b'"specversion":"1.0","datacontenttype":"application/json"}'
    )


def test_an_event_of_the_schedule_itself_names_no_time():
    entry = Unpublished(ScheduleEventType.CREATED, BEGIN, "7")

    said = schedule_event("flowworker", record(), entry)

    assert b'"time":1' not in encode(said.data)
    assert said.id == "s/workflow.schedule.created/7"


def test_no_run_has_the_history_of_a_schedule():
    assert RUN_ID.fullmatch(history_of("s")) is None
    assert HISTORY.fullmatch(history_of("s"))

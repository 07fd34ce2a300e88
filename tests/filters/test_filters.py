"""What a filter's text says, which runs it means, and what the index is asked for."""

from __future__ import annotations

import pytest

from flowworker.core.parent import Parent
from flowworker.core.paused import Paused
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, Stop, StopReason
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput
from flowworker.filters import EVERYTHING, parse_filter

NOW = 1_795_824_000.0  # 2026-11-28T00:00:00Z
HOUR = 3600.0

FAILED = RunRecord(
    run="r1",
    workflow="order.fulfil",
    definition="abcdef",
    version="v2",
    status=RunStatus.FAILED,
    input=EMPTY,
    created_at=NOW - 2 * HOUR,
    finished_at=NOW - HOUR,
    stop=Stop(StopReason.FAILED, "step 'a' failed: ValueError: no", "a"),
    rerun_of="r0",
    labels={"team": "a", "tier.x": "two words"},
)
CHILD = RunRecord(
    run="r2",
    workflow="bill",
    definition="012345",
    status=RunStatus.WAITING_HUMAN,
    input=EMPTY,
    created_at=NOW,
    parent=Parent("r1", "call", 1, 1),
    paused=Paused("look first"),
)
LATER = RunRecord("r3", "bill", "012345", RunStatus.PENDING, EMPTY, NOW, begins_at=NOW + HOUR)
PREPARED = RunRecord("r4", "bill", "012345", RunStatus.PENDING, EMPTY, NOW, rerun_of="r1")
LATE = RunRecord(
    "r5", "bill", "0", RunStatus.CANCELLED, EMPTY, NOW, stop=Stop(StopReason.TIMED_OUT, "after 1 s")
)
ACTIVE = "COMPENSATING PENDING RUNNING WAITING_HUMAN"
ALL = (FAILED, CHILD, LATER, PREPARED, LATE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "r1 r2 r3 r4 r5"),
        ("  ", "r1 r2 r3 r4 r5"),
        ("state=failed", "r1"),
        ("state=FAILED,waiting_human", "r1 r2"),
        (" state!=failed,pending  workflow=bill ", "r2 r5"),
        ("state=failed state=pending", ""),
        ("workflow=order.fulfil", "r1"),
        ("workflow!=bill", "r1"),
        ("version=v2", "r1"),
        ('version=""', "r2 r3 r4 r5"),
        ("hash=abc,0123", "r1 r2 r3 r4"),
        ("error=ValueError", "r1"),
        ("error=timeout", "r5"),
        ('error!=""', "r1 r5"),
        ("waiting=human", "r2"),
        ("waiting=human,start", "r2 r3"),
        ("waiting!=start", "r1 r2 r4 r5"),
        ("paused=yes", "r2"),
        ("paused=no", "r1 r3 r4 r5"),
        ("paused!=yes", "r1 r3 r4 r5"),
        ("paused!=no", "r2"),
        ("rerun_of=r0", "r1"),
        ('rerun_of!=""', "r1 r4"),
        ("parent=r1", "r2"),
        ('parent=""', "r1 r3 r4 r5"),
        ("label.team=a", "r1"),
        ("label.team!=a", "r2 r3 r4 r5"),
        ('label.tier.x="two words",other', "r1"),
        ("started>2026-11-27", "r1 r2 r3 r4 r5"),
        ("started>2026-11-28", ""),
        ("started>=2026-11-28", "r2 r3 r4 r5"),
        ("started<2026-11-28T00:00Z", "r1"),
        ("started<=2026-11-28T01:00:00.5+01:00", "r1 r2 r3 r4 r5"),
        ("started>-90m", "r2 r3 r4 r5"),
        ("started<=-120m", "r1"),
        ("ended>=-1h", "r1"),
        ("ended<-1h", ""),
        ("ended<=-1h ended>-61m", "r1"),
    ],
)
def test_which_runs_are_meant(text, expected):
    wanted = parse_filter(text, NOW)

    assert [record.run for record in ALL if wanted.matches(record)] == expected.split()


@pytest.mark.parametrize(
    ("text", "statuses", "workflow", "since", "until", "indexed"),
    [
        ("", "", "", 0.0, None, True),
        ("state=failed,running", "FAILED RUNNING", "", 0.0, None, True),
        ("state!=completed,cancelled,pending,running", "COMPENSATING FAILED WAITING_HUMAN", "", 0.0,
         None, True),
        ("state=failed waiting=human", "", "", 0.0, None, False),
        ("waiting=human", "WAITING_HUMAN", "", 0.0, None, False),
        ("waiting!=human", "", "", 0.0, None, False),
        ("paused=yes", ACTIVE, "", 0.0, None, False),
        ("paused!=no state=running,failed", "RUNNING", "", 0.0, None, False),
        ("paused=no", "", "", 0.0, None, False),
        ("paused=yes,no", "", "", 0.0, None, False),
        ("paused!=yes,no", "", "", 0.0, None, False),
        ("workflow=a.b", "", "a.b", 0.0, None, True),
        ("workflow=a,b", "", "", 0.0, None, False),
        ("workflow!=a", "", "", 0.0, None, False),
        ("workflow=a workflow=b", "", "a", 0.0, None, False),
        ("started>-1h started>=-2h", "", "", NOW - HOUR, None, True),
        ("started<-1h started<=-2h", "", "", 0.0, NOW - 2 * HOUR, True),
        ("state=failed label.x=1", "FAILED", "", 0.0, None, False),
        ("ended>-1h", "", "", 0.0, None, False),
    ],
)  # fmt: skip
def test_what_the_index_is_asked_for(text, statuses, workflow, since, until, indexed):
    wanted = parse_filter(text, NOW)

    assert " ".join(wanted.statuses) == statuses
    assert (wanted.workflow, wanted.since, wanted.until) == (workflow, since, until)
    assert wanted.is_indexed is indexed


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("stat=failed", 1, "there is no 'stat', expected one of state, workflow, .* mean 'state'"),
        ("xyzzy=failed", 1, "there is no 'xyzzy', expected one of .*KEY$"),
        ("state=failed  =x", 15, "expected a condition, such as"),
        ("workflow=*", 10, "expected the name of a workflow, found '\\*'"),
        ('workflow!="a b"', 11, "expected the name of a workflow, found 'a b'"),
        (f"workflow={'a' * 129}", 10, "expected the name of a workflow, found 'aaa"),
        ('hash=""', 6, "expected how a content hash begins, such as 12ab, found ''"),
        ("hash=12,zz", 9, "expected how a content hash begins, such as 12ab, found 'zz'"),
        ("state", 6, "expected one of the operators =, != after 'state'"),
        ("state>failed", 6, "expected one of the operators =, != after 'state'"),
        ("started=2026-11-01", 8, "expected one of the operators <, <=, >, >= after 'started'"),
        ("state=", 7, "expected a value"),
        ("state=failed,", 14, "expected a value"),
        ("state=failed,odd", 14, "expected one of pending, running, .*, found 'odd'"),
        ("waiting=rain", 9, "expected one of human, start, limit, found 'rain'"),
        ('workflow="a b', 10, "this quote has no end"),
        ('workflow="a"b=c', 13, "expected a blank between two conditions"),
        ("started>yesterday", 9, "expected a time: `2026-11-01`"),
        ("started>2026-13-01", 9, "expected a time"),
        ("started>2026-11-01,2026-11-02", 9, "expected a time"),
        ("label.=x", 1, "expected a label as in `label.team`, found 'label.'"),
        ("label.ä=x", 1, "expected a label"),
    ],
)
def test_what_is_no_filter(text, column, problem):
    with pytest.raises(InvalidInput, match=rf"^filter, column {column}: {problem}"):
        parse_filter(text, NOW)


def test_times_before_all_runs_are_the_first_moment():
    assert parse_filter("started>1960-01-01", NOW).since == 0.0
    assert parse_filter("started>-9999999999w", NOW).since == 0.0


def test_conditions_are_added():
    wanted = EVERYTHING.and_("state", "FAILED", "RUNNING").and_("workflow", "bill")

    assert (wanted.statuses, wanted.workflow) == ((RunStatus.FAILED, RunStatus.RUNNING), "bill")

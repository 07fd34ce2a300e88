"""Who waits for a limit, and what operators send about limits."""

from __future__ import annotations

import pytest
from msgspec import Raw, ValidationError
from msgspec.structs import replace

from flowworker.codec.json import decode_debounce, decode_limit, encode
from flowworker.codec.limits import (
    LimitCommand,
    Waiting,
    WaitingRun,
    decode_limit_command,
    decode_waiting,
    decode_waiting_run,
)
from flowworker.core.attempt import UNATTEMPTED, Attempt
from flowworker.core.debounce import DebounceRecord
from flowworker.core.fairness import Share, Turns
from flowworker.core.limit import Holder, LimitRecord, Strategy, Use
from flowworker.core.limiting import Ask
from flowworker.core.rate import Rate
from flowworker.core.status import Kind, Priority
from flowworker.errors import CorruptRecord

ONE = Attempt(Kind.RUN, 1, 1)
RECORD = LimitRecord(
    "named.api",
    concurrency=3,
    holders=(Holder("r", 1.5, "s", ONE),),
    rate=Rate(5, 60.0),
    tat=1_900_000_000_000_001,
    passed=7,
    turns=Turns(100_000, {"00ff": 150_000}),
)
USES = (
    Use("own.a", 2),
    Use("own.b", rate=Rate(5, 60.0)),
    Use("named.b"),
    Use("fair.low-q", share=Share("00ff", 50_000)),
)


def test_what_is_written_is_read():
    message = Raw(b'{"run":"r","any":[1,2]}')
    entry = Waiting("r", "s", ONE, "default", Priority.LOW, USES, "r/s", message)

    found = decode_waiting(encode(entry))

    assert (found.uses, found.attempt, bytes(found.message)) == (
        entry.uses,
        ONE,
        bytes(message),
    )
    assert decode_limit("limit.named.api", encode(RECORD)) == RECORD
    with pytest.raises(CorruptRecord, match=r"it is the record of limit 'named\.api'"):
        decode_limit("limit.named.other", encode(RECORD))


def test_who_waits_asks_for_the_limit_that_has_its_turn():
    uses = (Use("run.a", 2, strategy=Strategy.SKIP), Use("run.b", 1))
    run = WaitingRun("r", uses, "5-1")
    step = Waiting(
        "r", "s", ONE, "q", Priority.LOW, (Use("own.a", 2), Use("named.b")), "i", Raw(b"{}")
    )

    assert decode_waiting_run(encode(run)) == run
    assert run.ask == Ask("r", "", UNATTEMPTED, 2, None, "5-1", waits=False)
    assert replace(run, place=1).ask == Ask("r", "", UNATTEMPTED, 1, None, "5-1", waits=True)
    assert replace(step, place=1).ask == Ask("r", "s", ONE)


def test_a_run_that_holds_a_limit_is_kept_without_a_step():
    record = LimitRecord("run.a", concurrency=1, holders=(Holder("r", 1.5, ticket="5-1"),))

    assert b'"holders":[{"run":"r","since":1.5,"ticket":"5-1"}]' in encode(record)
    assert decode_limit("limit.run.a", encode(record)) == record


def test_what_is_known_of_starts_that_replace_each_other():
    record = DebounceRecord("k", run="r", origin="7@1.000000", begins_at=2.5, replaced="q")

    assert decode_debounce("debounce.k", encode(record)) == record
    with pytest.raises(CorruptRecord, match="it is the record of debounce 'k'"):
        decode_debounce("debounce.other", encode(record))


def test_commands():
    assert decode_limit_command(b'{"concurrency":7}') == LimitCommand(7)
    assert decode_limit_command(b"{}") == LimitCommand()
    both = b'{"concurrency":7,"rate":{"limit":100,"period":1,"burst":20}}'
    assert decode_limit_command(both) == LimitCommand(7, Rate(100, 1.0, 20))


@pytest.mark.parametrize(
    "body",
    [
        b'{"concurrency":-1}',
        b'{"concurrency":1001}',
        b'{"limit":1}',
        b'{"rate":{"limit":1}}',
        b"[]",
    ],
)
def test_what_is_refused(body):
    with pytest.raises(ValidationError):
        decode_limit_command(body)

"""Who waits for a limit, and what operators send about limits."""

from __future__ import annotations

import pytest
from msgspec import Raw, ValidationError

from flowworker.codec.json import decode_limit, encode
from flowworker.codec.limits import (
    LimitCommand,
    Waiting,
    decode_limit_command,
    decode_waiting,
)
from flowworker.core.attempt import Attempt
from flowworker.core.limit import Holder, LimitRecord, Use
from flowworker.core.rate import Rate
from flowworker.core.status import Kind, Priority
from flowworker.errors import CorruptRecord

ONE = Attempt(Kind.RUN, 1, 1)
RECORD = LimitRecord(
    "named.api",
    concurrency=3,
    holders=(Holder("r", "s", ONE, 1.5),),
    rate=Rate(5, 60.0),
    tat=1_900_000_000_000_001,
    passed=7,
)
USES = (Use("own.a", 2), Use("own.b", rate=Rate(5, 60.0)), Use("named.b"))


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

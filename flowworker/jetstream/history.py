"""A run's history, at a cost that does not depend on what else the stream holds.

The leader says first how many events of each type there are. So no event is asked for behind the
last one, which would make the server scan the stream to its end. Each type is read by its own
subject: the server then skips the blocks without it, which it does not for a wildcard among many
subjects.

Completeness: there are as many events as the leader counted, none older than the run's first one
at the leader. They may come from a replica; what it lacks the leader is asked for, one by one. If
that lacks it too, the history was changed meanwhile (dropped, or too old), and is read again.
"""

from __future__ import annotations

__all__ = ["Read", "read_history"]

import asyncio
import contextlib
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from flowworker.errors import Unavailable
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.subjects import counts_of

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.connection import Connection

BATCH = 1_000
BATCH_TIMEOUT = 5.0
"""Seconds to wait for a batch; without it history is read one by one."""

_ATTEMPTS = 5


class Read(NamedTuple):
    """An event as it was read."""

    seq: int
    subject: str
    data: bytes


class _Changed(Exception):
    """There is less than the leader counted."""


async def read_history(connection: Connection, api: Api, stream: str, pattern: str) -> list[Read]:
    """All that the stream has on subjects that match, oldest first.

    Raises:
        Unavailable: among others, if it changed again and again while it was read.
    """
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(_Changed):
            found = await _read(connection, api, stream, pattern)
            return sorted(found, key=attrgetter("seq"))
    raise Unavailable(f"{pattern} changes while it is read")


async def _read(connection: Connection, api: Api, stream: str, pattern: str) -> list[Read]:
    counts = await counts_of(api, stream, pattern)
    if not counts:
        return []
    first = await api.message(stream, {"seq": 1, "next_by_subj": pattern})
    if first is None:
        raise _Changed
    found = [Read(first.seq, first.subject, first.data)]
    counts[first.subject] = counts.get(first.subject, 0) - 1
    for subject, count in counts.items():  # one by one: a server drops what it cannot queue
        found += await _of_one(connection, api, stream, subject, first.seq + 1, count)
    return found


async def _of_one(
    connection: Connection, api: Api, stream: str, subject: str, start: int, count: int
) -> list[Read]:
    """The first `count` of a subject from `start` on."""
    found: list[Read] = []
    while (missing := count - len(found)) > 0:
        batch = []
        if missing > 1:
            batch = await _batch(connection, stream, subject, start, min(missing, BATCH))
        if not batch:
            message = await api.message(stream, {"seq": start, "next_by_subj": subject})
            if message is None:
                raise _Changed
            batch = [Read(message.seq, subject, message.data)]
        found += batch
        start = found[-1].seq + 1
    return found


async def _batch(
    connection: Connection, stream: str, subject: str, start: int, count: int
) -> list[Read]:
    """At most so many, from any replica; none if that knows none, or direct gets are off."""
    found: list[Read] = []
    done = asyncio.get_running_loop().create_future()

    def on_message(_subject: bytes, _reply: bytes, data: bytes, raw: bytes | None) -> None:
        if headers.status_of(raw) is None:  # otherwise 204 at the end, 404 for none
            found.append(Read(int(headers.decode(raw)["Nats-Sequence"]), subject, data))
            if len(found) < count:
                return
        if not done.done():
            done.set_result(None)

    client = connection.client
    inbox = client.new_inbox()
    sid = client.listen(inbox, on_message)
    query = b'{"batch":%d,"seq":%d,"next_by_subj":"%b"}' % (count, start, subject.encode())
    try:
        client.send(f"$JS.API.DIRECT.GET.{stream}", inbox, b"", query)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BATCH_TIMEOUT):
                await done
    finally:
        with contextlib.suppress(Unavailable):
            client.unlisten(sid)
    return found

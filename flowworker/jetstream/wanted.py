"""Which handlers the steps call that have waited longest in a queue."""

from __future__ import annotations

__all__ = ["handlers_wanted"]

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.codec.json import UNREADABLE
from flowworker.codec.messages import decode_step_message

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.names import Names

OLDEST = 100
"""Steps of a queue, the oldest, of which it is asked whether somebody has their handlers: what
nobody can execute stays, and becomes the oldest."""


async def handlers_wanted(api: Api, names: Names, queue: str) -> Counter[str]:
    """How many of the oldest steps of a queue call which handler."""
    found: Counter[str] = Counter()
    for shard in names.shards:
        query = {"seq": 1, "next_by_subj": shard.queue(queue)}
        for _ in range(max(1, OLDEST // len(names.shards))):
            message = await api.message(shard.steps, query)
            if message is None:
                break
            query["seq"] = message.seq + 1
            with suppress(*UNREADABLE):  # workers say so
                found[decode_step_message(message.data).uses] += 1
    return found

"""How runs are spread over a namespace's streams, as the streams themselves say.

Partitions and shards are fixed when a namespace is created: a run's id leads to its streams by
them. The first stream of events says how many there are; and the first bucket of records, should
the other one be lost, if there are several shards.
"""

from __future__ import annotations

__all__ = ["names_of", "partitions_of", "shards_of", "spread_of"]

from typing import TYPE_CHECKING, Any

from flowworker.errors import TopologyMismatch
from flowworker.jetstream.client.api import config_of
from flowworker.jetstream.names import PARTITIONS, SHARDS, Names
from flowworker.jetstream.shards import Spread
from flowworker.jetstream.topology.options import DEFAULT_PARTITIONS, TopologyOptions

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api

_FIXED = "their number is fixed when a namespace is created: leave it out, or use another namespace"


async def names_of(api: Api, names: Names) -> Names:
    """All names of a namespace, as it is there; those of one shard if it does not say.

    Raises:
        Unavailable: JetStream refuses, or does not answer.
    """
    try:
        return Names(names.namespace, await spread_of(api, names, TopologyOptions()))
    except TopologyMismatch:
        return names


async def spread_of(api: Api, names: Names, options: TopologyOptions) -> Spread:
    """Partitions and shards of a namespace.

    Raises:
        TopologyMismatch: it does not say, or other numbers are asked for.
        Unavailable: JetStream refuses, or does not answer.
    """
    stream, asked = names.first.events, options
    config = config_of(await api.stream(stream))
    if config is None:
        stream = names.first.runs.stream
        config = config_of(await api.stream(stream))
        if config is None or SHARDS not in (config.get("metadata") or {}):
            return Spread(asked.partitions or DEFAULT_PARTITIONS, asked.shards or 1)
    shards = shards_of(stream, config, asked.shards)
    return Spread(partitions_of(stream, config, asked.partitions), shards)


def shards_of(stream: str, config: dict[str, Any], asked: int | None) -> int:
    """How many shards a namespace has, as a stream of it says.

    Raises:
        TopologyMismatch: it says nonsense, or another number is asked for.
    """
    return _number(stream, config, SHARDS, "1", "shards", asked)


def partitions_of(stream: str, config: dict[str, Any], asked: int | None) -> int:
    """How many partitions a namespace has, as a stream of it says.

    Raises:
        TopologyMismatch: it does not say, or another number is asked for.
    """
    return _number(stream, config, PARTITIONS, "", "partitions", asked)


def _number(
    stream: str, config: dict[str, Any], key: str, unsaid: str, what: str, asked: int | None
) -> int:
    text = (config.get("metadata") or {}).get(key, unsaid)
    if not text.isdigit() or int(text) < 1:
        raise TopologyMismatch(
            f"stream {stream}: metadata {key} must be a number, found {text!r}; "
            "set it to the number with which the namespace was created"
        )
    if asked is not None and asked != int(text):
        raise TopologyMismatch(
            f"stream {stream}: {asked} {what} are asked for, found {text}; {_FIXED}"
        )
    return int(text)

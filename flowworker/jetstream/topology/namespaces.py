"""Which namespaces a server has, what one consists of, and its removal."""

from __future__ import annotations

__all__ = ["Holding", "holdings", "missing", "namespaces", "outlives", "queues_of", "remove"]

import difflib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.core.status import Priority
from flowworker.errors import InvalidInput, NamespaceNotFound, TopologyMismatch, Unavailable
from flowworker.jetstream.client.api import config_of
from flowworker.jetstream.topology.durability import durability_of
from flowworker.jetstream.topology.options import TopologyOptions
from flowworker.jetstream.topology.specs import stream_specs

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.names import Names

_RUNS = ("KV_", "_runs")
"""How the name of the stream behind a namespace's runs begins and ends."""
_NAMED = 5
"""Namespaces that an error message names."""


class Holding(Struct, frozen=True):
    """A stream of a namespace.

    Attributes:
        stream: its name.
        messages, bytes: what is in it.
        asking: how many requests for its messages wait: processes are active.
    """

    stream: str
    messages: int
    bytes: int
    asking: int


async def namespaces(api: Api) -> list[str]:
    """The namespaces that have a stream of runs and one of events, sorted."""
    names = await _streams(api)
    before, after = _RUNS
    found = {
        name.removeprefix(before).removesuffix(after)
        for name in names
        if name.startswith(before) and name.endswith(after)
    }
    return sorted(one for one in found if f"{one.upper()}_EVENTS" in names)


async def outlives(api: Api, names: Names) -> str:
    """What a namespace outlives, in a word (`durability`); empty if its stream of steps is gone."""
    found = config_of(await api.stream(names.first.steps))
    return "" if found is None else durability_of(found, None)


async def queues_of(api: Api, names: Names) -> set[str]:
    """The queues that have lanes."""
    listed = await _listed(api, f"CONSUMER.NAMES.{names.first.steps}", "consumers")
    queues = {name.rpartition("-")[0].removeprefix("step-") for name in listed}
    return {queue for queue in queues if queue and f"step-{queue}-{Priority.NORMAL}" in listed}


async def missing(api: Api, names: Names, stream: str) -> NamespaceNotFound:
    """What to say when a stream of a namespace is not there."""
    there: list[str] = []
    with suppress(Unavailable):  # not every user may ask
        streams = await _streams(api)
        if any(spec.name in streams for spec in stream_specs(names, TopologyOptions())):
            return NamespaceNotFound(
                f"namespace {names.namespace!r} has no stream {stream}: a coordinator, a worker or "
                "`flowworker doctor --fix` creates what is missing"
            )
        there = await namespaces(api)
    near = difflib.get_close_matches(names.namespace, there, _NAMED)
    others = ""
    if near:
        others = f"; did you mean {' or '.join(map(repr, near))}?"
    elif there:
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        others = f"; there are {', '.join(map(repr, there[:_NAMED]))}{more}"
    return NamespaceNotFound(
        f"there is no namespace {names.namespace!r} on this server{others}; if it is to be made, "
        f"`flowworker setup --namespace {names.namespace}` does so"
    )


async def holdings(api: Api, names: Names) -> list[Holding]:
    """The streams of a namespace, those that exist.

    Raises:
        TopologyMismatch: a stream has the name of one, and is none.
        NamespaceNotFound: there is none of them.
    """
    specs = stream_specs(names, TopologyOptions())
    found = []
    for spec in specs:
        info = await api.stream(spec.name)
        if info is None:
            continue
        subjects = info["config"].get("subjects") or []
        if sorted(subjects) != sorted(spec.config["subjects"]):
            raise TopologyMismatch(
                f"stream {spec.name} stores {subjects}, so it is none of namespace "
                f"{names.namespace!r}"
            )
        state = info["state"]
        asking = await _asking(api, spec.name) if state.get("consumer_count") else 0
        found.append(Holding(spec.name, state["messages"], state["bytes"], asking))
    if not found:
        raise await missing(api, names, specs[0].name)
    return found


async def remove(api: Api, names: Names) -> list[Holding]:
    """Remove a namespace; what it consisted of.

    Raises:
        InvalidInput: processes are active there, which would create it anew.
        TopologyMismatch: as `holdings` does.
        NamespaceNotFound: there is none.
    """
    found = await holdings(api, names)
    if busy := [held.stream for held in found if held.asking]:
        raise InvalidInput(
            f"namespace {names.namespace!r} is active: processes consume {', '.join(busy)}; stop "
            "its coordinators and workers first, since they would create it anew, and try again "
            "some seconds later"
        )
    for held in found:
        await api.remove(held.stream)
    return found


async def _streams(api: Api) -> set[str]:
    return set(await _listed(api, "STREAM.NAMES", "streams"))


async def _asking(api: Api, stream: str) -> int:
    consumers = await _listed(api, f"CONSUMER.LIST.{stream}", "consumers")
    return sum(consumer.get("num_waiting", 0) for consumer in consumers)


async def _listed(api: Api, request: str, field: str) -> list[Any]:
    """All pages of a list."""
    found: list[Any] = []
    while True:
        page = await api.call(request, {"offset": len(found)})
        entries = page.get(field) or []
        found.extend(entries)
        if not entries or len(found) >= page.get("total", 0):
            return found

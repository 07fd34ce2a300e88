"""What the server's answers mean: is something wrong, and what is to be done about it?

Those about processes are in `attendance`.
"""

from __future__ import annotations

__all__ = [
    "Finding",
    "account",
    "agreed",
    "clock",
    "durability",
    "payload",
    "queue",
    "stream",
    "work",
]

from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput
from flowworker.jetstream.backend import LEAST_PAYLOAD
from flowworker.jetstream.lanes import is_held
from flowworker.jetstream.pauses import since
from flowworker.ports import Finding
from flowworker.ports.backend import HEADROOM
from flowworker.settings import check_fit

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from flowworker.core.standing import PauseRecord
    from flowworker.settings import Settings

CLOCK_TOLERANCE = 1.0
"""Seconds by which clocks may differ."""

NEARLY = 0.9
"""Of a limit. When it is reached runs cannot go on."""

_ACCOUNT = (
    ("storage", "max_storage", "bytes on disk"),
    ("memory", "max_memory", "bytes in memory"),
)
"""What an account uses, the limit of it, and what that counts."""

_STREAM = (("bytes", "max_bytes", "bytes"), ("messages", "max_msgs", "messages"))


def payload(max_payload: int, settings: Settings) -> Finding:
    """Whether all messages that the settings allow fit the server's."""
    found = f"messages of up to {max_payload:,} bytes"
    if max_payload < LEAST_PAYLOAD:
        advice = f"raise the server's max_payload to {LEAST_PAYLOAD:,} or more"
        return Finding("max_payload", ok=False, found=found, advice=advice)
    try:
        check_fit(settings, max_payload - HEADROOM)
    except InvalidInput as error:
        what, _, advice = str(error).partition("; ")
        return Finding("max_payload", ok=False, found=f"{found}; {what}", advice=advice)
    return Finding("max_payload", ok=True, found=found)


def account(info: dict[str, Any]) -> Finding:
    """Whether JetStream has room for the account."""
    tiers = info.get("tiers") or {}
    full = list(_used(info, info.get("limits") or {}, _ACCOUNT))
    for name, tier in sorted(tiers.items()):
        full += [
            f"{used} of tier {name}" for used in _used(tier, tier.get("limits") or {}, _ACCOUNT)
        ]
    if not full:
        return Finding("jetstream", ok=True, found="on")
    advice = (
        "remove what is not needed, or raise the limits of the account: what is full stores nothing"
    )
    return Finding("jetstream", ok=False, found=f"nearly full: {', '.join(full)}", advice=advice)


def agreed(compare: Callable[[], list[str]]) -> Finding:
    """Whether these settings fit what the fleet has agreed upon, as `compare` tells."""
    try:
        reports = compare()
    except InvalidInput as error:
        found, _, advice = str(error).partition("; ")
        return Finding("settings", ok=False, found=found, advice=advice)
    return Finding("settings", ok=True, found="; ".join(reports) or "those of the fleet")


def stream(info: dict[str, Any]) -> Finding:
    """What is in a stream, and whether it has room for more."""
    config, state = info["config"], info["state"]
    check = f"stream {config['name']}"
    found = f"{state.get('messages', 0):,} messages, {state.get('bytes', 0) / 1e6:,.1f} MB"
    full = list(_used(state, config, _STREAM))
    if not full:
        return Finding(check, ok=True, found=found)
    drops = config.get("discard") == "old"
    then = "what is oldest is dropped" if drops else "it takes nothing more"
    return Finding(
        check,
        ok=False,
        found=f"nearly full: {', '.join(full)}",
        advice=f"raise the limit with `nats stream edit`: {then} at its end",
    )


def clock(apart: float, uncertain: float) -> Finding:
    """Whether this machine's clock is the server's, as far as the time of an answer tells."""
    found = f"{apart:.3f} s from the server's, give or take {uncertain:.3f}"
    if apart - uncertain <= CLOCK_TOLERANCE:
        return Finding("clock", ok=True, found=found)
    advice = "let NTP set the clocks: leases and delays are counted by both"
    return Finding("clock", ok=False, found=found, advice=advice)


def durability(
    streams: list[dict[str, Any]], word: str, behind: Container[str], *, in_memory: bool
) -> Finding:
    """Whether what is acknowledged is as safe as it looks.

    Args:
        streams: what the server says of them.
        word: what the namespace outlives.
        behind: the streams that may be written behind.
        in_memory: that is wanted.
    """
    replicas = {one["config"]["name"]: one["config"].get("num_replicas", 1) for one in streams}
    most = max(replicas.values())
    weak = [] if in_memory else list(_in_memory(streams))
    weak += [
        f"{name} has {count} replicas, others {most}"
        for name, count in replicas.items()
        if count < most
    ]
    weak += [f"{name} is written behind" for name in _written_behind(streams) if name not in behind]
    weak += [f"{peer} of {name} is behind or away" for name, peer in _behind(streams)]
    if weak:
        advice = "see docs/how-to/durability.md; `flowworker setup` with "
        advice += "FLOWWORKER_REPLICAS=3 raises the replicas"
        return Finding("durability", ok=False, found="; ".join(weak), advice=advice)
    if most > 1:
        return Finding("durability", ok=True, found=f"{word}: {most} replicas, all up to date")
    if word == "power":
        return Finding(
            "durability",
            ok=True,
            found="power: 1 replica: it is lost with the server's disk",
            advice="it outlives a power failure if the server's configuration has `sync_interval: "
            "always`: a server does not tell its clients",
        )
    return Finding(
        "durability",
        ok=True,
        found=f"{word}: 1 replica: it is lost with the server's disk",
        advice="a power failure takes what was acknowledged in the two minutes before, unless the "
        "server's configuration has `sync_interval: always`: a server does not tell its clients",
    )


def _in_memory(streams: list[dict[str, Any]]) -> Iterator[str]:
    for one in streams:
        if one["config"].get("storage") == "memory":
            yield f"{one['config']['name']} is in memory: it is lost when its servers end"


def _written_behind(streams: list[dict[str, Any]]) -> Iterator[str]:
    for one in streams:
        if one["config"].get("persist_mode") == "async":
            yield one["config"]["name"]


def _behind(streams: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in streams:
        for peer in (one.get("cluster") or {}).get("replicas") or []:
            if peer.get("offline") or not peer.get("current"):
                yield one["config"]["name"], str(peer.get("name"))


def work(check: str, what: str, info: dict[str, Any], late: float = 0.0) -> Finding:
    """What waits for coordinators, and whether one requests it.

    `late` says for how long the first of it has waited, if that is too long.
    """
    found = f"{info.get('num_pending', 0):,} {what} wait, {_in_flight(info):,} are in flight"
    finding = _asked(check, found, info.get("num_pending", 0), [info], "start a coordinator")
    return _lagging(finding, late, "start another coordinator, or see what holds these up")


def queue(
    name: str,
    stored: int,
    lanes: list[dict[str, Any]],
    workers: int,
    late: float = 0.0,
    pause: PauseRecord | None = None,
) -> Finding:
    """What waits for the workers of a queue, and whether there are any.

    Args:
        name: the queue's.
        stored: steps of all its lanes, those in flight among them.
        lanes: what the server says of their consumers.
        workers: that say they serve it.
        late: for how long the first step has waited, if that is too long.
        pause: what was said, if it is to pause.
    """
    in_flight = sum(map(_in_flight, lanes))
    waits = max(0, stored - in_flight)
    there = f", {workers} workers are there" if workers else ""
    found = f"{waits:,} steps wait, {in_flight:,} are in flight{there}"
    if pause is not None or any(map(is_held, lanes)):
        return _paused(name, f"{found}; ", [is_held(lane) for lane in lanes if lane], pause)
    advice = f"no worker serves it: start a worker with --queue {name}"
    requested = any(one.get("num_waiting") for one in lanes)
    if stored and not workers and not requested and in_flight:
        found += ", and no worker is there: those that had them are gone"
        return Finding(f"queue {name}", ok=False, found=found, advice=advice)
    finding = _asked(f"queue {name}", found, waits, lanes, advice)
    return _lagging(
        finding, late, f"start more workers with --queue {name}, or give them more slots"
    )


def _paused(name: str, found: str, held: list[bool], pause: PauseRecord | None) -> Finding:
    """Whether all lanes of a queue hand nothing out, and it was said that they should not."""
    check, advice = f"queue {name}", f"`flowworker unpause --queue {name}` lets it go on"
    if pause is None:
        found += "it is paused, and no record says why"
        return Finding(check, ok=False, found=found, advice=advice)
    found += f"paused {since(pause)}"
    if all(held):
        return Finding(check, ok=True, found=found, advice=advice)
    advice = f"`flowworker pause --queue {name}` pauses all of it, or unpause it"
    return Finding(check, ok=False, found=f"{found}; but not all of its lanes", advice=advice)


def _asked(
    check: str, found: str, waits: int, consumers: list[dict[str, Any]], advice: str
) -> Finding:
    """A process that is busy requests nothing, and has messages in flight."""
    if not waits or any(one.get("num_waiting") or _in_flight(one) for one in consumers):
        return Finding(check, ok=True, found=found)
    return Finding(check, ok=False, found=f"{found}, and no process requests them", advice=advice)


def _lagging(finding: Finding, late: float, advice: str) -> Finding:
    if not (finding.ok and late):
        return finding
    found = f"{finding.found}, the first for {late:,.0f} s"
    return Finding(finding.check, ok=False, found=found, advice=advice)


def _in_flight(consumer: dict[str, Any]) -> int:
    return int(consumer.get("num_ack_pending", 0))


def _used(
    state: dict[str, Any], limits: dict[str, Any], known: tuple[tuple[str, str, str], ...]
) -> Iterator[str]:
    """The limits that are nearly reached."""
    for used, limit, what in known:
        most, now = limits.get(limit, -1), state.get(used, 0)
        if most > 0 and now >= NEARLY * most:
            yield f"{now:,} of {most:,} {what}"

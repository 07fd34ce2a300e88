"""What a namespace's streams hold and how they are made, so that a change shows."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from nats.aio.client import Client

from flowworker.jetstream.names import Names
from flowworker.jetstream.topology.options import TopologyOptions
from flowworker.jetstream.topology.specs import stream_specs

State = dict[str, Any]


async def api(client: Client, request: str, body: Any = None) -> dict[str, Any]:
    """An answer of JetStream."""
    data = b"" if body is None else json.dumps(body).encode()
    return json.loads((await client.request(f"$JS.API.{request}", data, 10)).data)


def streams(namespace: str) -> list[str]:
    return [spec.name for spec in stream_specs(Names(namespace), TopologyOptions())]


async def state(admin: Client, *namespaces: str) -> State:
    """Streams, consumers, and the last message of each subject."""
    names = await api(admin, "STREAM.NAMES")
    found: State = {"streams": sorted(names["streams"] or [])}
    wanted = (one for namespace in namespaces for one in streams(namespace))
    parts = await asyncio.gather(
        *(_stream(admin, stream) for stream in wanted if stream in found["streams"])
    )
    for part in parts:
        found |= part
    return found


async def _stream(admin: Client, stream: str) -> State:
    info = await api(admin, f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
    found: State = {
        f"config of {stream}": info["config"],
        f"messages of {stream}": info["state"]["messages"],
    }

    async def last(subject: str) -> None:
        got = await api(admin, f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
        message = got.get("message", {})
        found[subject] = message.get("seq"), base64.b64decode(message.get("data", ""))

    await asyncio.gather(*(last(subject) for subject in info["state"].get("subjects") or {}))
    listed = await api(admin, f"CONSUMER.LIST.{stream}")
    for consumer in listed["consumers"] or []:
        name = f"consumer {consumer['name']} of {stream}"
        found[name] = consumer["config"], consumer["ack_floor"], consumer["num_ack_pending"]
    return found


def changed(before: State, after: State) -> set[str]:
    """What is not as it was."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


async def settled(admin: Client, *namespaces: str) -> None:
    """All that was sent before, and what the server sent because of it, is in the streams.

    Each stream takes messages one after the other, so that the refusal of one which may not be
    stored comes behind all that came before it. What JetStream answers to what was stored is on its
    way by then, and arrives before a second one.
    """
    subjects = [subject for namespace in namespaces for subject in _barriers(namespace)]
    for _ in range(2):
        answers = await asyncio.gather(*(_refused(admin, subject) for subject in subjects))
        assert all(b"error" in answer for answer in answers), answers


def _barriers(namespace: str) -> list[str]:
    names = Names(namespace)
    buckets = (names.first.runs, names.definitions, names.payloads, names.locks)
    return [
        *(bucket.subject("barrier") for bucket in buckets),
        f"{namespace}.start.barrier",
        f"{namespace}.step.barrier.low.x.y",
        f"{namespace}.event.0.x.barrier.y",
    ]


async def _refused(admin: Client, subject: str) -> bytes:
    headers = {"Nats-Expected-Last-Msg-Id": "nothing has this"}
    return (await admin.request(subject, b"", 10, headers=headers)).data

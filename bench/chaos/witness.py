"""Who sees every write of a record: the history that the bucket does not keep.

The bucket has the latest record of each key and no other. A consumer that is always awake sees each
one when it is written, with its revision; and since revisions have no gaps, also which it missed.
"""

from __future__ import annotations

import contextlib
import json

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from bench.chaos.case import TERMINAL, Json
from bench.chaos.evidence import Evidence
from bench.chaos.raw import NAT_ERRORS, Raw

SILENCE = 0.3
"""Seconds without a write after which the consumer is thought to be gone with its server."""

_RUN = {"workflow", "status", "created_at", "begins_at", "stop"}
_STEP = {
    *("kind", "turn", "attempt", "iteration", "outcome", "worker", "lease_until", "started_at"),
    *("finished_at", "wakes_at", "child", "count"),
}
"""What is kept of a record: outputs would be most of it."""


async def witness(raw: Raw, namespace: str, evidence: Evidence) -> None:
    """Note every write, and every terminal state that a run's record ever has, until cancelled."""
    bucket, seen = f"{namespace}_runs", 0
    while True:
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=seen + 1,
            inactive_threshold=20.0,
            mem_storage=True,
        )
        with contextlib.suppress(*NAT_ERRORS):
            subscription = await raw.client.jetstream().subscribe(
                f"$KV.{bucket}.>", stream=f"KV_{bucket}", config=config, manual_ack=True
            )
            with contextlib.suppress(TimeoutError):
                while True:
                    message = await subscription.next_msg(SILENCE)
                    revision = message.metadata.sequence.stream
                    if revision > seen + 1:
                        evidence.missed.append([seen + 1, revision - 1])
                    seen = revision
                    key = message.subject.removeprefix(f"$KV.{bucket}.")
                    note(evidence, key, message.data, revision)
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()


def note(evidence: Evidence, key: str, data: bytes, revision: int) -> None:
    """One write; those of the index and of signals are no records of runs or steps."""
    kind, _, rest = key.partition(".")
    if kind not in {"run", "step"} or not data:
        return
    record = json.loads(data)
    run, _, step = rest.partition(".")[2].partition(".") if kind == "step" else (rest, "", "")
    kept = written(record, step, revision)
    evidence.writes.setdefault(run, []).append(kept)
    if kind == "run" and record["status"] in TERMINAL:
        evidence.ends.setdefault(run, []).append(record["status"])


def written(record: Json, step: str, revision: int) -> Json:
    """What is kept of a record, of a run if there is no step."""
    wanted = _STEP if step else _RUN
    kept = {name: value for name, value in record.items() if name in wanted}
    return {"step": step, "_revision": revision, **kept}

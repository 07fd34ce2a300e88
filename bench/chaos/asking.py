"""Asks `why` of runs at random moments, above all of those that have not ended."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from typing import Any

from bench.chaos.case import Json
from bench.chaos.evidence import Evidence
from bench.chaos.raw import NAT_ERRORS, Raw
from flowworker.client import Client
from flowworker.diagnosis import Reason
from flowworker.errors import FlowworkerError

EVERY = 0.1
"""Seconds between an answer and the next question, on average."""
ENDED = 0.05
"""Share of questions about runs that have ended: of these nothing is to be said."""
STALE = 20.0
"""Seconds by which a cluster's leader that was deposed may show the past."""


async def ask(
    client: Client, raw: Raw, namespace: str, evidence: Evidence, seed: int, *, stale: bool
) -> None:
    """Ask about runs that the witness has seen, until cancelled.

    Workflows have the same chance each, however long their runs take: else nearly all questions
    would be about those that wait for humans.
    """
    choose = random.Random(seed)
    passed: deque[tuple[float, int]] = deque()
    while True:
        await asyncio.sleep(choose.expovariate(1 / EVERY))
        if (run := _chosen(choose, evidence)) is None:
            continue
        with contextlib.suppress(FlowworkerError, *NAT_ERRORS):
            sample = await _sample(client, raw, namespace, run)
            passed.append((sample["asked"], sample["before"]))
            while stale and len(passed) > 1 and passed[1][0] <= sample["asked"] - STALE:
                passed.popleft()
            sample["before"] = passed[0][1] if stale else sample["before"]
            evidence.reasons.append(sample)


def _chosen(choose: random.Random, evidence: Evidence) -> str | None:
    if evidence.ends and choose.random() < ENDED:
        return choose.choice(list(evidence.ends)[-60:])
    unfinished: dict[str, list[str]] = {}
    for run in evidence.writes:
        if run not in evidence.ends:
            unfinished.setdefault(_workflow(evidence, run), []).append(run)
    if not unfinished:
        return None
    return choose.choice(unfinished[choose.choice(sorted(unfinished))])


def _workflow(evidence: Evidence, run: str) -> str:
    """Of a run whose record was seen; a step's may be seen first."""
    return next((one["workflow"] for one in evidence.writes[run] if not one["step"]), "")


async def _sample(client: Client, raw: Raw, namespace: str, run: str) -> Json:
    """What was said, and between which revisions all that it is based on was read."""
    before, asked = await _revision(raw, namespace), time.time()
    found = await client.why(run)
    answered, after = time.time(), await _revision(raw, namespace)
    return {
        "run": run,
        "status": found.status,
        "before": before,
        "after": after,
        "asked": asked,
        "answered": answered,
        "more": found.more,
        "reasons": [_plain(one) for one in found.reasons],
        "steps": {
            step.id: {"status": step.status, "reasons": [_plain(one) for one in step.reasons]}
            for step in found.steps
        },
    }


def _plain(reason: Reason) -> Json:
    return {
        "kind": reason.kind,
        "text": reason.text,
        "subjects": list(reason.subjects),
        "since": reason.since,
        "until": reason.until,
    }


async def _revision(raw: Raw, namespace: str) -> int:
    """That of the latest record."""
    info: Any = await raw.api(f"STREAM.INFO.KV_{namespace}_runs")
    return int(info["state"]["last_seq"])

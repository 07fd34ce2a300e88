"""What was recorded of version 1, and the parts of it that tests ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from tests.recorded.files import V1, Message, read

EVENTS = "flowworker.event."


@cache
def messages() -> tuple[Message, ...]:
    """All, those of a scenario in the order of their sending."""
    return tuple(each for path in sorted(V1.glob("*.jsonl")) for each in read(path))


def stored(stream: str) -> list[Message]:
    """What a stream has stored, in its order."""
    found = (each for each in messages() if each.stream == stream)
    return sorted(found, key=lambda each: each.sequence)


def keys(bucket: str) -> Iterator[tuple[str, bytes]]:
    """Keys and values that a bucket has stored, in its order."""
    for each in stored(f"KV_{bucket}"):
        yield each.key, each.data


def runs() -> list[str]:
    """The ids of all runs of the fleet that has the default namespace."""
    records = (key for key, _ in keys("flowworker_runs") if key.startswith("run."))
    return sorted({key.removeprefix("run.") for key in records})


def of_run(run: str) -> list[Message]:
    """Records, events and step messages of a run, as stored, in the order of their sending."""
    about = re.compile(
        rf"\$KV\.flowworker_runs\.(run\.{run}|(step\.[^.]+|emit)\.{run}\..+)"
        rf"|flowworker\.(event\.\d+|step\.[^.]+\.[^.]+|timer\.at\.step)\.{run}\..+"
    )
    return [each for each in messages() if each.sequence and about.fullmatch(each.subject)]

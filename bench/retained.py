"""Runs that have ended and are retained, written as records, by the hundred thousand in a minute.

For each second before now there is one, of two workflows in turn. Each hundredth of them failed,
and each tenth has a label. They have what a fleet leaves in the stores of a run of one step: its
record, that of its step, its entry in the index, the alarm at the end of its retention. So their
numbers are real, and their histories are missing, which no list reads.

Messages are sent without waiting for each to be acknowledged: each five hundredth and the last are,
and a stream takes them in order. How many there are then is compared with how many were sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowworker.codec.index import entry_of
from flowworker.codec.json import encode
from flowworker.codec.keys import RETENTION, run_key, step_key
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, RunRecord, StepRecord, Stop, StopReason
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.definitions import content_hash
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.names import Names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

WORKFLOWS = tuple(Workflow(name, (Step("a", "bench.noop"),)) for name in ("even", "odd"))
RARE = 100
"""One run of so many failed."""
LABELLED = 10
"""And one of so many has this label: `label.tier=gold`."""
LABEL = {"tier": "gold"}
KEPT = 400 * 86_400.0
"""Seconds for which they are retained."""

_ERROR = ErrorInfo("ValueError", "no")
_WHY = Stop(StopReason.FAILED, f"step 'a' failed: {_ERROR}", "a")
_PINNED = [(workflow.name, content_hash(workflow)) for workflow in WORKFLOWS]
_QUEUE = WORKFLOWS[0].steps[0].queue
_TOGETHER = 500

Message = tuple[str, bytes, bytes]
"""Subject, headers and body."""


def ended(number: int, now: float) -> RunRecord:
    """The run that was created so many seconds before now, and one."""
    created, failed = now - number - 1.0, number % RARE == 0
    workflow, digest = _PINNED[number % len(_PINNED)]
    return RunRecord(
        f"kept-{number}",
        workflow,
        digest,
        RunStatus.FAILED if failed else RunStatus.COMPLETED,
        EMPTY,
        created,
        finished_at=created + 0.5,
        stop=_WHY if failed else None,
        labels=LABEL if number % LABELLED == 0 else {},
    )


def step_of(run: RunRecord) -> StepRecord:
    """Its step, as the worker left it."""
    failed = run.status is RunStatus.FAILED
    return StepRecord(
        *(run.run, "a", Kind.RUN, 1, 1),
        Outcome.FAILED if failed else Outcome.COMPLETED,
        worker="worker-1",
        started_at=run.created_at,
        finished_at=run.finished_at,
        output=None if failed else EMPTY,
        error=_ERROR if failed else None,
    )


class Retained:
    """Writes them, into a namespace that has its streams."""

    def __init__(self, url: str, namespace: str, now: float) -> None:
        """Count back from `now`."""
        self._url = url
        self._names = Names(namespace)
        self._now = now

    async def __aenter__(self) -> Self:
        self._connection = await connect(ConnectionOptions(url=self._url))
        self._publisher = Publisher(self._connection)
        self._api = Api(self._connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def write(self, first: int, last: int) -> dict[str, int]:
        """Runs of these numbers; how many bytes of its stream each kind of message has taken."""
        runs, steps = self._names.first.runs.stream, self._names.first.steps
        kinds = (
            ("record", runs, self._record),
            ("step", runs, self._step),
            ("index", runs, self._entry),
            ("alarm", steps, self._alarm),
        )
        found = {}
        for kind, stream, message in kinds:
            count, size = await self._state(stream)
            await self.send(map(message, range(first, last)), last - first)
            now, taken = await self._state(stream)
            if now - count != last - first:
                raise RuntimeError(f"{stream} has {now - count} of {last - first} messages")
            found[kind] = taken - size
        return found

    async def _state(self, stream: str) -> tuple[int, int]:
        state = (await self._api.call(f"STREAM.INFO.{stream}"))["state"]
        return state["messages"], state["bytes"]

    async def send(self, messages: Iterator[Message], count: int) -> None:
        """So many messages, in order."""
        for at, (subject, block, body) in enumerate(messages, 1):
            if at % _TOGETHER and at < count:
                self._connection.client.send(subject, "", block, body)
            else:
                await self._publisher.publish(subject, body, block)

    def _record(self, number: int) -> Message:
        record = ended(number, self._now)
        return self._names.first.runs.subject(run_key(record.run)), b"", encode(record)

    def _step(self, number: int) -> Message:
        record = step_of(ended(number, self._now))
        key = step_key(_QUEUE, record.run, record.step)
        return self._names.first.runs.subject(key), b"", encode(record)

    def _entry(self, number: int) -> Message:
        entry = entry_of(ended(number, self._now))
        return self._names.first.runs.subject(entry.key), b"", b""

    def _alarm(self, number: int) -> Message:
        run = ended(number, self._now).run
        at = self._now + KEPT - number
        block = headers.schedule(at, self._names.first.timer_due(run, RETENTION))
        return self._names.first.timer_schedule(run, RETENTION), headers.encode(block), b""

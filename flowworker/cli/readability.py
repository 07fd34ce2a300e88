"""Can this release read what a namespace has? Records, definitions, step messages and events.

All that is unfinished is read, as far as `sample` goes, and as many finished runs and messages.
Nothing is changed, and nothing is delivered to anybody.
"""

from __future__ import annotations

__all__ = ["Readability"]

from typing import TYPE_CHECKING, Any

from flowworker.codec.facts import read_event
from flowworker.codec.json import UNREADABLE
from flowworker.codec.schedule_events import decode_schedule_event
from flowworker.core.ids import OF_SCHEDULE
from flowworker.core.status import ACTIVE, RunStatus
from flowworker.errors import CorruptRecord, DefinitionError, FlowworkerError, InvalidInput
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.findings import Finding
from flowworker.jetstream.records import BucketRecords
from flowworker.jetstream.run_records import run_records
from flowworker.stores.definitions import DefinitionStore
from flowworker.stores.runs import RunStore
from flowworker.worker.decoding import Malformed, Newer, decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from flowworker.jetstream.client.api import StoredMessage
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.names import Names

_SHOWN = 3
"""Problems of a kind that are named."""


class Readability:
    """Of one namespace."""

    def __init__(self, connection: Connection, names: Names, sample: int) -> None:
        """Read at most `sample` of each kind."""
        self._api, publisher = Api(connection), Publisher(connection)
        self._names = names
        self._sample = sample
        self._runs = RunStore(run_records(publisher, self._api, names))
        self._definitions = DefinitionStore(BucketRecords(publisher, self._api, names.definitions))

    async def findings(self) -> AsyncIterator[Finding]:
        """One for each kind."""
        pinned: set[str] = set()
        for status in RunStatus:
            yield await self._of_runs(status, pinned)
        yield await self._of_definitions(pinned)
        yield await self._of_steps()
        yield await self._of_events()

    async def _of_runs(self, status: RunStatus, pinned: set[str]) -> Finding:
        listed = sorted(run for _, run in await self._runs.list(status))
        taken, problems = listed[-self._sample :], []
        for run in taken:
            try:
                found = await self._runs.load(run)
                if found is not None and status in ACTIVE:
                    pinned.add(found[0].definition)
                await self._runs.load_steps(run)
            except CorruptRecord as error:
                problems.append(str(error))
        return _finding(f"runs {status}", len(taken), len(listed), problems)

    async def _of_definitions(self, pinned: set[str]) -> Finding:
        names, problems = await self._definitions.names(), []
        for name in names:
            try:
                pinned.add((await self._definitions.latest(name)).hash)
            except (CorruptRecord, DefinitionError) as error:
                problems.append(str(error))
        for digest in sorted(pinned - {""}):
            try:
                await self._definitions.by_hash(digest)
            except FlowworkerError as error:
                problems.append(str(error))
        problems = list(dict.fromkeys(problems))
        count = len(pinned - {""})
        return _finding("definitions", count, count, problems)

    async def _of_steps(self) -> Finding:
        problems, count = [], 0
        lanes = {shard.steps: f"{shard.step_prefix}>" for shard in self._names.shards}
        async for message in self._messages(lanes):
            count += 1
            match decode(message.data):
                case Newer(version=version):
                    problems.append(f"{message.subject} is of a newer release, version {version}")
                case Malformed(error=error):
                    problems.append(f"{message.subject} is no step message: {error}")
                case _:
                    pass
        return _finding("step messages", count, 0, problems)

    async def _of_events(self) -> Finding:
        problems, count = [], 0
        histories = {shard.events: f"{self._names.prefix}event.>" for shard in self._names.shards}
        async for message in self._messages(histories):
            if ".workflow." not in message.subject:
                continue  # a handler's own
            count += 1
            about = message.subject.split(".")[3]
            try:
                if about.startswith(OF_SCHEDULE):
                    decode_schedule_event(message.data)
                else:
                    read_event(about, message.data)
            except (*UNREADABLE, CorruptRecord, InvalidInput) as error:
                problems.append(f"{message.subject}: {error}")
        return _finding("events", count, 0, problems)

    async def _messages(self, subjects: Mapping[str, str]) -> AsyncIterator[StoredMessage]:
        """The newest of each stream, on the subject given for it."""
        sample = max(1, self._sample // len(subjects))
        for stream, subject in subjects.items():
            last = int((await self._api.call(f"STREAM.INFO.{stream}"))["state"]["last_seq"])
            query: dict[str, Any] = {"next_by_subj": subject, "seq": max(1, last - sample + 1)}
            while query["seq"] <= last:
                found = await self._api.message(stream, query)
                if found is None:
                    break
                yield found
                query["seq"] = found.seq + 1


def _finding(check: str, taken: int, there: int, problems: list[str]) -> Finding:
    of = f" of {there:,}" if there > taken else ""
    if not problems:
        return Finding(check, ok=True, found=f"{taken:,}{of} read")
    more = [f"and {len(problems) - _SHOWN:,} more"] if len(problems) > _SHOWN else []
    shown = "; ".join([*problems[:_SHOWN], *more])
    return Finding(
        check,
        ok=False,
        found=f"{len(problems):,} of {taken:,}{of} cannot be read: {shown}",
        advice="what a newer release wrote is read by that one: do not go back to this one while "
        "it is there; what is damaged is to be mended or removed before an upgrade",
    )

"""What was recorded, as a fleet finds it: in a backend in memory, under the revisions of then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from flowworker.clock import SystemClock
from flowworker.ports import Backend, Records
from tests.recorded.files import Message
from tests.recorded.fleet import SETTINGS
from tests.recorded.recording import EVENTS, Recording
from tests.support import backends


class Then(SystemClock):
    """Goes on from the time of the recording: by now, what was recorded would be removed."""

    def __init__(self, at: float) -> None:
        self._ago = super().now() - at

    def now(self) -> float:
        return super().now() - self._ago


@asynccontextmanager
async def restored(
    recording: Recording, clock: SystemClock, runs: Iterable[Message]
) -> AsyncIterator[Backend]:
    """A backend with all definitions and payloads, and with these records and events of runs."""
    async with backends.memory(settings=SETTINGS, clock=clock) as backend:
        await _put(backend.definitions, recording.stored("KV_flowworker_definitions"))
        await _put(backend.payloads, recording.stored("KV_flowworker_payloads"))
        found = list(runs)
        records = [each for each in found if each.stream == "KV_flowworker_runs"]
        await _put(backend.runs, sorted(records, key=lambda each: each.sequence))
        for each in found:
            if each.subject.startswith(EVENTS):
                _, _, _, run, sender, event = each.subject.split(".", 5)
                message_id = each.headers["Nats-Msg-Id"]
                await backend.events.publish(run, event, each.data, message_id, sender=sender)
        yield backend


async def _put(records: Records, found: list[Message]) -> None:
    """Each under its own revision, which is what the others have in between."""
    revision = 0
    for each in found:
        while revision < each.sequence - 1:
            revision = await records.put("gap", b"")
        revision = await records.put(each.key, each.data)
        assert revision == each.sequence

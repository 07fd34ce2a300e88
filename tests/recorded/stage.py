"""What a scenario has to hand."""

from __future__ import annotations

from dataclasses import dataclass

from nats.aio.client import Client as Connection
from nats.js.api import PubAck

from flowworker import Client
from tests.recorded.files import Message
from tests.recorded.tap import Tap
from tests.support.waiting import WAIT_LIMIT, eventually

NAMESPACE = "flowworker"


@dataclass
class Stage:
    """A client of ours, a connection as anybody has one, and what was heard so far."""

    url: str
    client: Client
    connection: Connection
    tap: Tap

    async def send(self, subject: str, body: bytes = b"", **headers: str) -> int:
        """Publish to a stream as anybody may; the sequence. `Flow_Reply` is a header's name."""
        return (await self._publish(subject, body, headers)).seq

    async def send_anew(self, subject: str, body: bytes = b"", **headers: str) -> None:
        """The same, when the stream does not take it for what it has stored before any more."""

        async def is_stored() -> bool:
            return not (await self._publish(subject, body, headers)).duplicate

        await eventually(is_stored, pause=1.0)

    async def _publish(self, subject: str, body: bytes, headers: dict[str, str]) -> PubAck:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        jetstream = self.connection.jetstream()
        return await jetstream.publish(f"{NAMESPACE}.{subject}", body, headers=sent)

    async def until(self, run: str, event: str, step: str = "") -> Message:
        """An event of a run, or of one of its steps, when it is published."""
        kind, named = f"workflow.{event}", b'"step_id":"%b"' % step.encode()

        def is_it(each: Message) -> bool:
            # <ns>.event.<partition>.<run>.<sender>.<type>
            match each.subject.split(".", 5):
                case [_, "event", _, about, _, event_type]:
                    return (about, event_type) == (run, kind) and (not step or named in each.data)
            return False

        return await self.tap.until(is_it)

    async def result(self, run: str) -> None:
        """Wait for the end of a run, its last event and its entry in the index."""
        result = await self.client.result(run, WAIT_LIMIT)
        await self.until(run, result.status.lower())
        index = f".index.{result.status}."

        def is_listed(each: Message) -> bool:
            return index in each.subject and each.subject.endswith(f".{run}")

        await self.tap.until(is_listed)

"""Hears all that passes a server, and keeps what the fleet and its clients say to each other.

What they say to JetStream itself (pulls, acknowledgements, purges) is not kept; its answers say
under which sequence a message was stored. What the server sends by itself (timers that are due,
steps whose delay is over, events for everybody) is heard when it is delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.recorded.files import Message, message
from tests.support.waiting import eventually

_JETSTREAM = ("$JS.", "$SYS.")
_ACK = "$JS.ACK."
_SCHEDULER = "Nats-Scheduler"
_STATUS = "Status"
_HERE = f"{Path(__file__).parents[2]}/".encode()
_ANYWHERE = b"/srv/flowworker/"
"""What stands in the place of this checkout's folder, in tracebacks."""


class _Answer(Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: dict[str, object] | None = None


class Tap:
    """Listens from `open` on.

    Attributes:
        heard: all messages so far.
    """

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self._unanswered: dict[str, Message] = {}
        self._asked: set[str] = set()
        self._fired: set[tuple[str, str]] = set()

    async def open(self, client: Client) -> None:
        await client.subscribe(">", cb=self._hear)
        await client.flush()

    async def until(self, condition: Callable[[Message], object]) -> Message:
        """The first message so far, or to come, of which that is true."""
        found: Message = await eventually(
            lambda: next((each for each in self.heard if condition(each)), None), "a message"
        )
        return found

    async def _hear(self, heard: Msg) -> None:
        if heard.subject in self._unanswered:
            self._note_answer(self._unanswered.pop(heard.subject), heard.data)
        elif heard.reply.startswith(_ACK):
            self._note_delivery(heard)
        elif heard.subject.startswith(_JETSTREAM):
            self._asked.add(heard.reply)
        elif heard.subject not in self._asked and _STATUS not in (heard.headers or {}):
            self._keep(heard)

    def _keep(self, heard: Msg) -> None:
        body = heard.data.replace(_HERE, _ANYWHERE)
        kept = message(heard.subject, dict(heard.headers or {}), body)
        self.heard.append(kept)
        if heard.reply:
            self._unanswered[heard.reply] = kept

    def _note_answer(self, to: Message, data: bytes) -> None:
        answer = msgspec.json.decode(data, type=_Answer)
        if answer.error is not None:
            to.refused = str(answer.error["description"])
        elif answer.duplicate:
            to.refused = "duplicate"
        else:
            to.stream, to.sequence = answer.stream, answer.seq

    def _note_delivery(self, heard: Msg) -> None:
        """Keep the first delivery of what a schedule has sent."""
        _, _, stream, _, _, sequence, *_ = heard.reply.split(".")
        if _SCHEDULER not in (heard.headers or {}) or (stream, sequence) in self._fired:
            return
        self._fired.add((stream, sequence))
        kept = message(heard.subject, dict(heard.headers or {}), heard.data)
        kept.stream, kept.sequence = stream, int(sequence)
        self.heard.append(kept)

"""Sends a client's commands: starts, controls and signals."""

from __future__ import annotations

__all__ = ["Commands", "body_of"]

from typing import TYPE_CHECKING, Any

from msgspec import Raw, Struct
from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.codec.messages import (
    FLOW_ACTOR,
    FLOW_INPUT,
    FLOW_REPLY,
    MSG_ID,
    SEALED,
    STORED,
    ControlCommand,
    RerunCommand,
)
from flowworker.codec.values import encode_value
from flowworker.core.payload import Stored
from flowworker.core.status import HumanAction
from flowworker.errors import InvalidInput
from flowworker.stores.sealing import ANSWER, INPUT

if TYPE_CHECKING:
    from flowworker.client.starting import StartCommand
    from flowworker.stores.stores import Stores


def body_of(command: Struct) -> bytes:
    """A command as JSON.

    Raises:
        InvalidInput: a text in it is none, as of an argument that is not UTF-8.
    """
    try:
        return encode(command)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the command cannot be written as JSON: {error}") from error


class Commands:
    """Sends commands; what does not fit a message is uploaded before, sealed if wanted."""

    def __init__(self, stores: Stores) -> None:
        self._queue = stores.backend.commands
        self._max_body = stores.backend.max_body
        self._payloads = stores.payloads

    async def start(self, start: StartCommand, reply_to: str) -> int:
        """Send a start; its sequence, once it is durable."""
        headers, body = dict(start.headers), start.body
        if reply_to:
            headers[FLOW_REPLY] = reply_to
        payload = await self._payloads.for_command(start.run, INPUT, body, self._max_body)
        if payload is not None:
            headers[FLOW_INPUT] = STORED if isinstance(payload, Stored) else SEALED
            body = encode(payload)
        return await self._queue.send(f"start.{start.workflow}", body, headers)

    async def rerun(self, of: str, start: StartCommand, command: RerunCommand, reply: str) -> int:
        """Send a rerun; its sequence, once it is durable. Without a body there is no new input."""
        headers, data = dict(start.headers), start.body
        if reply:
            headers[FLOW_REPLY] = reply
        body = body_of(command)
        if data:
            room = self._max_body - len(body)
            payload = await self._payloads.for_command(start.run, INPUT, data, room)
            if isinstance(payload, Stored):
                body = encode(replace(command, stored=payload))
            elif payload is not None:
                body = encode(replace(command, sealed=payload))
            else:
                body = encode(replace(command, input=Raw(data)))
        return await self._queue.send(f"control.rerun.{of}", body, headers)

    async def control(
        self, action: str, run: str, command: ControlCommand, actor: str = "", message_id: str = ""
    ) -> None:
        """Send a control; with an id it is sent again if it may have been lost, and counts once.

        Raises:
            InvalidInput: its output is not JSON, or a text in it is none.
            PayloadTooLarge: its output exceeds `payload_limit`.
        """
        try:
            output = encode_value(command.output)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"the output cannot be written as JSON: {error}") from error
        body = body_of(command)
        if command.action is HumanAction.COMPLETE or action == HumanAction.APPROVE:
            room = self._max_body - len(body) + len(output)
            payload = await self._payloads.for_command(run, ANSWER, output, room)
            if isinstance(payload, Stored):
                body = encode(replace(command, output=None, stored=payload))
            elif payload is not None:
                body = encode(replace(command, output=None, sealed=payload))
        headers = {FLOW_ACTOR: actor} if actor else {}
        if message_id:
            headers[MSG_ID] = message_id
        await self._queue.send(f"control.{action}.{run}", body, headers)

    async def signal(self, run: str, name: str, value: Any, message_id: str) -> None:
        """Send a signal; with an id, it counts once.

        Raises:
            InvalidInput: the value is not JSON.
            PayloadTooLarge: it exceeds `payload_limit`.
        """
        try:
            body = encode_value(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"the signal cannot be written as JSON: {error}") from error
        # The server drops a second message of one id, whatever run it is for.
        headers = {MSG_ID: f"{run}.{message_id}"} if message_id else {}
        payload = await self._payloads.for_command(run, ANSWER, body, self._max_body)
        if payload is not None:
            headers[FLOW_INPUT] = STORED if isinstance(payload, Stored) else SEALED
            body = encode(payload)
        await self._queue.send(f"signal.{run}.{name}", body, headers)

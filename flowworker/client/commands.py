"""Sends a client's commands: starts and controls."""

from __future__ import annotations

__all__ = ["Commands"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_INPUT, FLOW_REPLY, STORED, ControlCommand
from flowworker.codec.values import encode_value
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.client.starting import StartCommand
    from flowworker.stores.stores import Stores


class Commands:
    """Sends commands; what does not fit a message is uploaded before."""

    def __init__(self, stores: Stores) -> None:
        self._queue = stores.backend.commands
        self._max_body = stores.backend.max_body
        self._payloads = stores.payloads

    async def start(self, start: StartCommand, reply_to: str) -> int:
        """Send a start; its sequence, once it is durable."""
        headers, body = dict(start.headers), start.body
        if reply_to:
            headers[FLOW_REPLY] = reply_to
        if len(body) > self._max_body:
            headers[FLOW_INPUT] = STORED
            body = encode(await self._payloads.upload(start.run, body))
        return await self._queue.send(f"start.{start.workflow}", body, headers)

    async def control(self, action: str, run: str, command: ControlCommand) -> None:
        """Send a control.

        Raises:
            InvalidInput: its output is not JSON.
            PayloadTooLarge: its output exceeds `payload_limit`.
        """
        try:
            output = encode_value(command.output)
            body = encode(command)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"the output cannot be written as JSON: {error}") from error
        if len(body) > self._max_body:
            stored = await self._payloads.upload(run, output)
            body = encode(replace(command, output=None, stored=stored))
        await self._queue.send(f"control.{action}.{run}", body, {})

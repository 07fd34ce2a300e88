"""nats-py's client with short cuts: beside `parsing` the only file that touches its private parts.

Why: every step costs some ten messages, and nats-py spends on each a regex over the subject, a
queue, a task switch and a parsed header that is never read. Connecting, authenticating,
reconnecting and re-subscribing, which are hard, remain nats-py's; a test fails when a part we use
is gone.

listen   a subscription whose messages go straight from the parser to a plain function
send     appends a command to the client's buffer, which is written once per loop iteration: by us,
         or by nats-py's flusher while the server is slow to read
"""

from __future__ import annotations

__all__ = ["WireClient"]

import asyncio
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.protocol.parser import PERMISSIONS_ERR

from flowworker.errors import PayloadTooLarge, Unavailable
from flowworker.jetstream.client.parsing import MessageParser

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.jetstream.client.parsing import OnRaw

BUFFER_LIMIT = 64 * 1024 * 1024
"""Bytes that may wait to be written before publishing is refused."""

REFUSAL_WAIT = 1.0
"""Seconds to read why a server hangs up."""


class WireClient(Client):
    """A client that can also be driven without awaiting."""

    def __init__(self) -> None:
        """Needs a running event loop."""
        super().__init__()
        self.insists_on_tls = False
        self.on_refused: Callable[[str], None] | None = None
        self._ps = self._parser = MessageParser(self)
        self._event_loop = asyncio.get_running_loop()
        self._writing = False
        self._kick: asyncio.Future[None] = self._event_loop.create_future()
        self._kick.set_result(None)

    @property
    def announces_jetstream(self) -> bool:
        """What the server said of itself when we connected."""
        return bool(self._server_info.get("jetstream"))

    @property
    def server_id(self) -> str:
        """Of the server that we are, or were, connected to: a new one after each of its starts."""
        return str(self._server_info.get("server_id", ""))

    @property
    def cluster(self) -> str:
        """The name of the cluster that it belongs to, or empty."""
        return str(self._server_info.get("cluster", ""))

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        """Of one that came in parts, or in between others that are not for us."""
        if not self._parser.hand_over(sid, subject, reply, data, headers):
            await super()._process_msg(sid, subject, reply, data, headers or b"")

    async def _process_pong(self) -> None:
        """The task that waits for it may be gone: cancelled, or after its timeout."""
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _connect_to_server(self, s: Any) -> None:
        """Close what an attempt that failed halfway has left open."""
        if self._transport is not None:
            self._transport.close()
        await super()._connect_to_server(s)

    async def _process_connect_init(self) -> None:
        """Say why a server hangs up before it has read anything, as one that is full does."""
        try:
            await super()._process_connect_init()
        except (BrokenPipeError, ConnectionResetError) as error:
            if refusal := await self._refusal():
                raise NatsError(f"nats: {refusal}") from error
            raise
        if (reader := getattr(self._transport, "_io_reader", None)) is not None:
            self._parser.take_from(reader)

    async def _refusal(self) -> str:
        """What the server says to a connection that only reads; it may cut off one that writes."""
        uri = self._current_server.uri if self._current_server else None
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(REFUSAL_WAIT):
                reader, writer = await asyncio.open_connection(
                    uri and uri.hostname, uri and uri.port
                )
                with closing(writer):
                    while line := await reader.readline():
                        if line.startswith(b"-ERR"):
                            return (
                                line.decode(errors="replace").removeprefix("-ERR").strip(" '\r\n")
                            )
        return ""

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002 - nats-py's signature
        """What waits to be sent is lost with the connection: uvloop refuses to write it."""
        writer = getattr(self._transport, "_io_writer", None)
        if not self.is_connected or (writer is not None and writer.is_closing()):
            self._pending, self._pending_data_size = [], 0
        try:
            await super()._close(status, do_cbs)
        except asyncio.CancelledError:
            # If reconnecting was waiting for the transport's end when nats-py cancelled it, that
            # future is cancelled for the next task that waits: this one, which was not cancelled.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise

    def _connect_command(self) -> bytes:
        """Over TLS, set that on asyncio's protocol: else it warns of each end of a connection."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None and writer.get_extra_info("sslcontext") is not None:
            writer.transport.get_protocol()._over_ssl = True  # noqa: SLF001
        return super()._connect_command()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002 - nats-py's signature
        """Refuse to go on in plain text, before credentials are sent, where TLS was asked for."""
        if self.insists_on_tls and initial_connection and not info.get("tls_required"):
            raise NatsError("TLS was asked for, but the server does not require it")
        await super()._process_info(info, initial_connection=initial_connection)

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        """After what waits to be sent, so that a PONG means that all of it has arrived."""
        self._pongs.append(future or asyncio.get_running_loop().create_future())
        self._write(b"PING\r\n")

    async def _process_err(self, err_msg: str) -> None:
        """Reconnect after an error for which nats-py would close the client for good.

        Credentials that expired are read anew then, and a server that is full may have room.
        """
        if PERMISSIONS_ERR in err_msg:
            # As the server wrote it: nats-py has put subjects into lower case.
            line, _, _ = bytes(self._ps.buf).partition(b"\r\n")
            if self.on_refused is not None:
                self.on_refused(line.decode(errors="replace"))
            return
        error = NatsError(f"nats: {err_msg}")
        await self._error_cb(error)
        await self._process_op_err(error)

    def listen(self, subject: str, handler: OnRaw) -> int:
        """Subscribe; the number by which to `unlisten`. Renewed when the client reconnects."""
        self._sid += 1
        sid = self._sid
        self._subs[sid] = Subscription(self, sid, subject)
        self._parser.handlers[sid] = handler
        self._write(f"SUB {subject}  {sid}\r\n".encode())
        return sid

    def unlisten(self, sid: int, late: OnRaw | None = None) -> None:
        """Unsubscribe; what still arrives goes to `late`, until `forget`."""
        if self._subs.pop(sid, None) is not None and self.is_connected:
            self._write(f"UNSUB {sid}\r\n".encode())
        if late is None:
            self._parser.handlers.pop(sid, None)
        else:
            self._parser.handlers[sid] = late

    def forget(self, sid: int) -> None:
        """Drop what still arrives for a subscription that has ended."""
        self._parser.handlers.pop(sid, None)

    def send(self, subject: str, reply: str, headers: bytes, data: bytes) -> None:
        """Publish, soon. While disconnected it is kept and sent after reconnecting.

        Raises:
            PayloadTooLarge: the server would refuse it, and end the connection.
            Unavailable: the client is closed, or too much waits to be sent.
        """
        total = len(data)
        if headers:
            size = len(headers)
            total += size
            head = f"HPUB {subject} {reply} {size} {total}\r\n".encode()
            command = b"%b%b%b\r\n" % (head, headers, data)
        else:
            command = b"%b%b\r\n" % (f"PUB {subject} {reply} {total}\r\n".encode(), data)
        if total > self._max_payload:
            raise PayloadTooLarge(
                f"{subject}: a message of {total:,} bytes exceeds the server's max_payload of "
                f"{self._max_payload:,} bytes"
            )
        self._write(command)

    def _write(self, command: bytes) -> None:
        if self._status == self.CLOSED:
            raise Unavailable("the connection to NATS is closed")
        if self._pending_data_size > BUFFER_LIMIT:
            raise Unavailable(f"{self._pending_data_size:,} bytes already wait to be sent to NATS")
        self._pending.append(command)
        self._pending_data_size += len(command)
        if not self._writing and self.is_connected:
            self._writing = True
            self._event_loop.call_soon(self._write_all)

    def _write_all(self) -> None:
        """Write what was sent in this iteration of the loop; if that must wait, the flusher does.

        While there is no connection it is kept, and nats-py sends it after reconnecting.
        """
        self._writing = False
        if not self.is_connected or not self._pending:
            return
        writer = getattr(self._transport, "_io_writer", None)
        transport = None if writer is None else writer.transport
        if transport is None or transport.get_write_buffer_size():
            queue = self._flush_queue
            if queue is not None and queue.empty():
                queue.put_nowait(self._kick)
        elif not transport.is_closing():
            pending, self._pending, self._pending_data_size = self._pending, [], 0
            transport.writelines(pending)

"""A connection to NATS: made at once or not at all, then kept for ever."""

from __future__ import annotations

__all__ = ["Connection", "connect"]

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any

from nats.errors import Error as NatsError

from flowworker.errors import PermissionDenied, ServerUnavailable, Unavailable
from flowworker.jetstream.client.options import credentials_of, redacted, tls_of
from flowworker.jetstream.client.permissions import refusal_in
from flowworker.jetstream.client.refused import Refused, unreachable
from flowworker.jetstream.client.requests import Requests, check_loop
from flowworker.jetstream.client.wire import WireClient
from flowworker.ports import Incident
from flowworker.tasks import cancel_all
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from flowworker.jetstream.client.options import ConnectionOptions


MINIMUM = (2, 12, 2)
"""Per-message TTL, message schedules, several filters; earlier 2.12s lose atomic batches."""

RECONNECT_WAIT = 0.25
LOSS_DELAY = 0.02
"""Seconds within which nats-py reports that a connection was lost."""
CANCEL_AGAIN = 0.02
"""Seconds after which an attempt to connect that has not ended is cancelled again."""
PING_INTERVAL = 5
FLUSH_TIMEOUT = 5
SAID_LIMIT = 1_000
"""Missing rights that are named, each once per connection to a server."""


class Connection:
    """The client, its requests, and who is called when the connection is lost or renewed."""

    def __init__(self, options: ConnectionOptions) -> None:
        """Not connected yet."""
        self.client = WireClient()
        self.client.on_refused = self._on_refused
        self.url = redacted(options.url)
        self.on_reconnected: list[Callable[[], None]] = []
        self.on_disconnected: list[Callable[[], None]] = []
        self.on_incident: list[Callable[[Incident], object]] = []
        self._options = options
        self._up = asyncio.Event()
        self._closing = False
        self._last_error = ""
        self._opening: asyncio.Timeout | None = None
        self._distrusted = 0
        self._requests: Requests | None = None
        self._checked: dict[str, PermissionDenied | None] = {}
        self._said: set[str] = set()
        self._loop = asyncio.get_running_loop()

    @property
    def requests(self) -> Requests:
        """Requests and their answers."""
        if self._requests is None:
            raise Unavailable("not connected to NATS")
        return self._requests

    def report(self, incident: Incident) -> None:
        """Tell those who count."""
        for callback in self.on_incident:
            callback(incident)

    def check_loop(self) -> None:
        """Raise InvalidInput on another event loop than its own."""
        check_loop(self._loop)

    @property
    def connected(self) -> bool:
        """Whether there is a server at this moment."""
        return bool(self.client.is_connected)

    @property
    def announces_jetstream(self) -> bool:
        """Whether the server itself runs JetStream; another one of its cluster may."""
        return self.client.announces_jetstream

    async def up(self, timeout: float) -> bool:
        """Wait until there is a server, or this is closed; whether there is one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                if self._closing:
                    return False
                await self._up.wait()
                while not self.connected and not self._closing:
                    await asyncio.sleep(LOSS_DELAY)  # it was lost just now; `_up` is still set
                    await self._up.wait()
        return self.connected

    async def open(self) -> None:
        """Connect, trying every server of the URL once or twice.

        Raises:
            ServerUnavailable: no answer, or the server refused the client.
        """
        options = self._options
        urls = [url.strip() for url in options.url.split(",")]
        tls = tls_of(options) is not None or any(url.startswith("tls://") for url in urls)
        self.client.insists_on_tls = tls
        try:
            async with asyncio.timeout(options.connect_timeout * len(urls)) as self._opening:
                await _cancellable(self._connect(urls))
        except (OSError, NatsError, TimeoutError) as error:
            await self._abandon()
            raise unreachable(options, self._last_error or str(error)) from error
        except AttributeError as error:  # nats-py, if the server does not like our certificate
            await self._abandon()
            raise unreachable(options, self._last_error or "TLS handshake failed") from error
        except asyncio.CancelledError:
            await self._abandon()
            raise
        self._opening = None
        # From here on it is to reconnect for ever.
        self.client.options["max_reconnect_attempts"] = -1
        self.client.options["reconnect_time_wait"] = RECONNECT_WAIT
        self._requests = Requests(self.client, self.client.new_inbox())
        self._up.set()

    async def _connect(self, urls: list[str]) -> None:
        options = self._options
        await self.client.connect(
            urls,
            name=options.name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            max_reconnect_attempts=1,
            reconnect_time_wait=0.05,  # type: ignore[arg-type]
            connect_timeout=options.connect_timeout,  # type: ignore[arg-type]
            ping_interval=PING_INTERVAL,
            inbox_prefix=options.inbox_prefix,
            skip_subject_validation=True,  # `names` has done it
            **credentials_of(options),
        )

    async def _abandon(self) -> None:
        # It may not have come far enough to be closed properly.
        with contextlib.suppress(NatsError, OSError, RuntimeError, TimeoutError, AssertionError):
            await self.client.close()

    def check_version(self) -> None:
        """Refuse a server that is too old."""
        version = self.client.connected_server_version
        if (version.major, version.minor, version.patch) < MINIMUM:
            needed = ".".join(map(str, MINIMUM))
            raise ServerUnavailable(
                f"flowworker needs nats-server {needed} or newer, found {version!r} at {self.url}"
            )

    async def flush(self) -> None:
        """Wait until the server has seen all that was sent, and we all that it sent before."""
        try:
            await self.client.flush(FLUSH_TIMEOUT)
        except (NatsError, OSError) as error:
            raise Unavailable(f"NATS did not answer: {error}") from error

    @contextlib.contextmanager
    def checked(self, subject: str) -> Iterator[None]:
        """For a subscription and a `flush`: raise PermissionDenied if the server refused it."""
        self._checked[subject] = None
        try:
            yield
            if (error := self._checked.get(subject)) is not None:
                raise error
        finally:
            self._checked.pop(subject, None)

    async def close(self) -> None:
        """Close it. What waits for an answer gets Unavailable."""
        self._closing = True
        self._up.set()  # wakes what waits for a reconnect
        if self.connected:
            with contextlib.suppress(Unavailable):
                await self.flush()
        if self._requests is not None:
            self._requests.close()
        await self.client.close()

    async def _on_error(self, error: Exception) -> None:
        if isinstance(error, ConnectionResetError | BrokenPipeError) and self._last_error:
            return  # it follows from what the server has said
        if isinstance(error, ssl.SSLCertVerificationError):
            # nats-py would try again until there is no time left.
            self._distrusted += 1
            if self._opening is not None and self._distrusted >= len(self._options.url.split(",")):
                self._opening.reschedule(0.0)  # at once
        refused = isinstance(error, ConnectionRefusedError)
        self._last_error = "connection refused" if refused else f"{error}" or type(error).__name__
        if self._up.is_set():
            get_logger().warning("NATS reports an error", error=self._last_error)

    def _on_refused(self, text: str) -> None:
        """Tell who waits for an answer; if nobody does, say it once."""
        refusal = refusal_in(text)
        if refusal is None:
            get_logger().error("NATS refuses something", error=text)
            return
        error = refusal.error(self._options)
        if refusal.publish and self._requests is not None:
            awaited = self._requests.refuse(refusal.subject, error)
        elif awaited := refusal.subject in self._checked:
            self._checked[refusal.subject] = error
        elif self._requests is not None:
            awaited = self._requests.refuse_answers(refusal.subject, error)
        if not awaited and refusal.permission not in self._said and len(self._said) < SAID_LIMIT:
            self._said.add(refusal.permission)
            get_logger().error("a right is missing", error=str(error))

    async def _on_disconnected(self) -> None:
        self._up.clear()
        if self._requests is not None:
            self._requests.give_up("the connection to NATS was lost")
        for callback in tuple(self.on_disconnected):
            callback()
        if not self._closing and self._requests is not None:
            get_logger().warning("disconnected from NATS; reconnecting", url=self.url)

    async def _on_reconnected(self) -> None:
        self._up.set()
        self._said.clear()
        if self._requests is not None:
            self._requests.renew()
        get_logger().info("reconnected to NATS", url=self.url)
        self.report(Incident.RECONNECTED)
        for callback in self.on_reconnected:
            callback()

    async def _on_closed(self) -> None:
        self._up.clear()
        if not self._closing and self._requests is not None:
            get_logger().error("the connection to NATS was closed for good", error=self._last_error)


async def connect(options: ConnectionOptions) -> Connection:
    """Connect and check the server's version.

    Raises:
        ServerUnavailable: unreachable within `options.wait`, or too old.
    """
    connection = await _patiently(options)
    try:
        connection.check_version()
    except ServerUnavailable:
        await connection.close()
        raise
    return connection


async def _patiently(options: ConnectionOptions) -> Connection:
    last = ServerUnavailable(f"no NATS server at {redacted(options.url)}: no answer in time")
    try:
        async with asyncio.timeout(options.wait or None):
            while True:
                try:
                    return await _once(options)
                except Refused:
                    raise
                except ServerUnavailable as error:
                    last = error
                if options.wait <= 0:
                    raise last
                await asyncio.sleep(RECONNECT_WAIT)
    except TimeoutError:
        raise last from None


async def _once(options: ConnectionOptions) -> Connection:
    connection = Connection(options)
    await connection.open()
    return connection


async def _cancellable(work: Coroutine[Any, Any, None]) -> None:
    """Do it, and end at once when cancelled, also if nats-py loses the cancellation (`tasks`)."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await cancel_all([task], CANCEL_AGAIN)
        await asyncio.gather(task, return_exceptions=True)  # its error is of no interest then
        raise
    await task

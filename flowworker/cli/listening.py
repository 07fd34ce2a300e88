"""An HTTP server, in threads, that slow, silent or many clients cannot hold up.

Why it goes on answering: a request has to be there, and its answer taken, within a time; a request
has a size; and of more than some connections the oldest is closed when a new one comes. A probe
takes milliseconds, so what is old is not a probe.
"""

from __future__ import annotations

__all__ = ["MAX_CONNECTIONS", "MAX_REQUEST", "REQUEST_TIME", "Answer", "listen"]

import io
import socket
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUEST_TIME = 5.0
"""Seconds for a request to come, and again for its answer to be taken."""

MAX_REQUEST = 16 * 1024
"""Bytes of a request with its headers."""

MAX_CONNECTIONS = 64

_TOO_LARGE = b"HTTP/1.0 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n"

Answer = tuple[int, str, bytes]
"""Status, content type and body."""


@contextmanager
def listen(host: str, port: int, answer: Callable[[str], Answer]) -> Iterator[tuple[str, int]]:
    """Answer requests for as long as the context lasts; yields where.

    Args:
        host: of the interface: a name or an address, `0.0.0.0` or `::` for all.
        port: 0 for any that is free.
        answer: to a GET of a path; called in a thread.

    Raises:
        OSError: there is no such interface, or the port cannot be used.
    """

    class Handler(_Handler):
        def do_GET(self) -> None:
            status, kind, body = answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    server = _Server(address[:2], Handler, family)
    thread = Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield str(server.server_address[0]), server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MAX_CONNECTIONS

    def __init__(
        self, address: tuple[Any, ...], handler: type[_Handler], family: socket.AddressFamily
    ) -> None:
        self.address_family = family
        self._open: OrderedDict[socket.socket, None] = OrderedDict()
        self._lock = Lock()
        super().__init__((address[0], address[1]), handler)

    def server_bind(self) -> None:
        if self.address_family is socket.AddressFamily.AF_INET6:
            with suppress(OSError, AttributeError):  # `::` is for both kinds of addresses
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._open) >= MAX_CONNECTIONS:
                oldest, _ = self._open.popitem(last=False)
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
            self._open[request] = None
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client is gone: no reason for a traceback."""
        del request
        get_logger().debug("a request was not answered", client=client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Incoming(self.connection))

    def handle(self) -> None:
        try:
            super().handle()
        except _TooLargeError:
            self.wfile.write(_TOO_LARGE)

    def log_message(self, *_: object) -> None:
        """Do not log probes."""


class _TooLargeError(Exception):
    pass


class _Incoming(io.RawIOBase):
    """The bytes of one request, while there is time and room for them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._until = time.monotonic() + REQUEST_TIME
        self._room = MAX_REQUEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._room <= 0:
            raise _TooLargeError
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        size = self._connection.recv_into(memoryview(buffer)[: self._room])
        self._room -= size
        self._connection.settimeout(REQUEST_TIME)
        return size

"""`/healthz`, `/readyz` and `/metrics` over HTTP, from a thread, so that they always answer."""

from __future__ import annotations

__all__ = ["serve_health"]

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from flowworker.errors import InvalidInput
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry

_TEXT = "text/plain; charset=utf-8"


@contextmanager
def serve_health(
    port: int | None,
    registry: CollectorRegistry,
    alive: Callable[[], bool],
    ready: Callable[[], bool],
) -> Iterator[None]:
    """Answer for as long as the context lasts; without a port do nothing.

    Args:
        port: on all interfaces, since probes come from other machines.
        registry: the metrics.
        alive: False if only a restart can help.
        ready: whether it does its work at this moment.

    Raises:
        InvalidInput: the port cannot be used.
    """
    if port is None:
        yield
        return

    def answer(path: str) -> tuple[int, str, bytes] | None:
        match path.partition("?")[0]:
            case "/healthz":
                return _verdict("not alive: the server sends nothing", good=alive())
            case "/readyz":
                return _verdict("not ready", good=ready())
            case "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
            case _:
                return None

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = answer(self.path) or (404, _TEXT, b"not found\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Do not log probes."""

    try:
        server = _Server(("", port), Handler)
    except OSError as error:
        raise InvalidInput(f"--http-port {port}: {error.strerror}; choose another one") from error
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client is gone: no reason for a traceback."""
        del request
        get_logger().debug("a request was not answered", client=client_address, exc_info=True)


def _verdict(otherwise: str, *, good: bool) -> tuple[int, str, bytes]:
    return (200, _TEXT, b"ok\n") if good else (503, _TEXT, f"{otherwise}\n".encode())

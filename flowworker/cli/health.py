"""`/healthz`, `/readyz` and `/metrics` over HTTP, from threads, so that they always answer."""

from __future__ import annotations

__all__ = ["serve_health"]

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from flowworker.cli.listening import listen
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry

    from flowworker.cli.listening import Answer
    from flowworker.cli.serving import HttpAddress

_TEXT = "text/plain; charset=utf-8"


@contextmanager
def serve_health(
    address: HttpAddress,
    registry: CollectorRegistry,
    alive: Callable[[], bool],
    ready: Callable[[], bool],
) -> Iterator[None]:
    """Answer for as long as the context lasts; without a port do nothing.

    Args:
        address: where.
        registry: the metrics.
        alive: False if only a restart can help.
        ready: whether it does its work at this moment.

    Raises:
        InvalidInput: the address cannot be used.
    """
    if address.port is None:
        yield
        return

    def answer(path: str) -> Answer:
        match path:
            case "/healthz":
                return _verdict("not alive: the server sends nothing", good=alive())
            case "/readyz":
                return _verdict("not ready", good=ready())
            case "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
            case _:
                return 404, _TEXT, b"not found\n"

    with ExitStack() as stack:
        try:
            stack.enter_context(listen(address.host, address.port, answer))
        except (OSError, UnicodeError) as error:  # the latter for what is no name of a host
            given = f"--http-host {address.host} --http-port {address.port}"
            reason = getattr(error, "strerror", None) or error
            raise InvalidInput(f"{given}: {reason}; choose another one") from error
        yield


def _verdict(otherwise: str, *, good: bool) -> Answer:
    return (200, _TEXT, b"ok\n") if good else (503, _TEXT, f"{otherwise}\n".encode())

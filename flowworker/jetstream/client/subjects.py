"""On which subjects a stream has messages, page by page."""

from __future__ import annotations

__all__ = ["counts_of", "subjects_of"]

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from flowworker.codec.json import UNREADABLE
from flowworker.errors import Unavailable
from flowworker.jetstream.client.api import ApiError
from flowworker.jetstream.client.publisher import Failure

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api

_ATTEMPTS = 5


class _State(Struct, frozen=True):
    subjects: dict[str, int] | None = None


class _Info(Struct, frozen=True):
    """Stream info, as far as subjects go."""

    state: _State = _State()
    total: int = 0
    error: Failure | None = None


_decode_info = msgspec.json.Decoder(_Info).decode


async def subjects_of(api: Api, stream: str, pattern: str) -> set[str]:
    """All of a stream's subjects that match."""
    return set(await counts_of(api, stream, pattern))


async def counts_of(api: Api, stream: str, pattern: str) -> dict[str, int]:
    """How many messages there are by subject, of all that match.

    The server pages beyond 100,000. Pages are sorted, so that only subjects that vanish meanwhile
    could hide others; then we start again.
    """
    found: dict[str, int] = {}
    for _ in range(_ATTEMPTS):
        found, complete = await _pages(api, stream, pattern)
        if complete:
            break
    return found


async def _pages(api: Api, stream: str, pattern: str) -> tuple[dict[str, int], bool]:
    found: dict[str, int] = {}
    offset, before = 0, 0
    while True:
        info = await _page(api, stream, pattern, offset)
        page = info.state.subjects or {}
        found.update(page)
        offset += len(page)
        if info.total < before:
            return found, False
        if not page or offset >= info.total:
            return found, True
        before = info.total


async def _page(api: Api, stream: str, pattern: str, offset: int) -> _Info:
    request = f"STREAM.INFO.{stream}"
    query = {"subjects_filter": pattern, "offset": offset}
    raw = await api.raw(request, msgspec.json.encode(query))
    try:
        info = _decode_info(raw)
    except UNREADABLE as error:
        raise Unavailable(f"{request}: {error}") from error
    if info.error is not None:
        raise ApiError(request, info.error)
    return info

"""The last messages of many subjects in one request, as long as they are few.

The server looks at its subjects and refuses more than some 1,000 of them, before it reads one. What
it hands out comes as messages to an inbox, the last one a status that ends them. They may come from
a replica. Nothing is asked twice for an answer that was lost: the whole is asked again.
"""

from __future__ import annotations

__all__ = ["last_of_each"]

from typing import TYPE_CHECKING

import msgspec

from flowworker.jetstream.client import headers
from flowworker.jetstream.client.api import NOT_FOUND, UNAVAILABLE, ApiError
from flowworker.jetstream.client.publisher import Failure
from flowworker.jetstream.client.requests import NoAnswer
from flowworker.jetstream.client.retrying import ask_again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.connection import Connection

_TOO_MANY = 413
_END = 204

_Found = dict[str, tuple[bytes, int]]
_Status = tuple[int, str]


async def last_of_each(
    api: Api, stream: str, subjects: Sequence[str], most: int
) -> dict[str, tuple[bytes, int]] | None:
    """Data and sequence by subject, of all that match one of these; None for more than `most`.

    Raises:
        ApiError: the server refuses.
        PermissionDenied: the right to the stream's direct gets is missing.
        Unavailable: no whole answer came.
    """
    request = f"DIRECT.GET.{stream}"
    query = msgspec.json.encode({"multi_last": subjects, "batch": most + 1})

    async def ask() -> tuple[_Found, _Status]:
        return await _asked(api.connection, f"$JS.API.{request}", query)

    try:
        found, (code, description) = await ask()
    except NoAnswer as error:
        found, (code, description) = (await ask_again(api.connection, error, ask, request)).data
    if code == _TOO_MANY or len(found) > most:
        return None
    if code == NOT_FOUND:
        return {}
    if code != _END:
        raise ApiError(request, Failure(code=code, description=description))
    return found


async def _asked(connection: Connection, subject: str, query: bytes) -> tuple[_Found, _Status]:
    """What came, and the status that ended it."""
    found: _Found = {}

    def on_message(_subject: bytes, _reply: bytes, data: bytes, raw: bytes | None) -> None:
        status = headers.status_of(raw)
        if status is None:
            if not headers.is_marker(raw):
                said = headers.decode(raw)
                found[said["Nats-Subject"]] = data, int(said["Nats-Sequence"])
            return
        # What is left over the server would have handed out if that had been asked for
        left = headers.decode(raw).get("Nats-Num-Pending", "0")
        if not done.done():
            done.set_result(status if left == "0" else (_TOO_MANY, ""))

    client = connection.client
    inbox = client.new_inbox()
    with connection.requests.awaited(subject) as done:
        sid = client.listen(inbox, on_message)
        try:
            client.send(subject, inbox, b"", query)
            status = await done
        finally:
            client.unlisten(sid)
    if status[0] == UNAVAILABLE:
        raise NoAnswer("no JetStream server answers", refused=True)
    return found, status

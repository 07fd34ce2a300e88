"""Who waits for a limit, as it is kept, and what operators send about limits.

That is `<ns>.control.limit.<action>.<name>`.
"""

from __future__ import annotations

__all__ = [
    "LIMIT_PREFIX",
    "LimitAction",
    "LimitCommand",
    "Waiting",
    "decode_limit_command",
    "decode_waiting",
]

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from flowworker.core.attempt import Attempt
from flowworker.core.limit import MAX_CONCURRENCY, Use
from flowworker.core.rate import Rate
from flowworker.core.status import Priority

LIMIT_PREFIX = "limit."
"""What the subject of a control goes on with that is about a limit."""


class Waiting(Struct, frozen=True, omit_defaults=True):
    """An attempt that waits for a limit: all that it takes to let it in.

    Attributes:
        queue, priority: where its message goes.
        uses: all limits that it falls under.
        place: for which of them it waits; it holds those before that.
        id: of its message.
        message: that, as it is.
    """

    run: str
    step: str
    attempt: Attempt
    queue: str
    priority: Priority
    uses: tuple[Use, ...]
    id: str
    message: msgspec.Raw
    place: int = 0
    v: int = 1


class LimitAction(StrEnum):
    """What can be done to a named limit."""

    SET = "set"
    DELETE = "delete"


class LimitCommand(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Body of a command; that of `delete` is empty. What a set does not say is no limit.

    Attributes:
        concurrency: for set, how many attempts may hold it at a time.
        rate: for set, how often it lets one in.
    """

    concurrency: Annotated[int, Meta(ge=0, le=MAX_CONCURRENCY)] = 0
    rate: Rate | None = None


decode_waiting = msgspec.json.Decoder(Waiting).decode
decode_limit_command = msgspec.json.Decoder(LimitCommand).decode

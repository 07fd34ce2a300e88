"""Who waits for a limit, as it is kept, and what operators send about limits.

That is `<ns>.control.limit.<action>.<name>`.
"""

from __future__ import annotations

__all__ = [
    "LIMIT_PREFIX",
    "Entry",
    "LimitAction",
    "LimitCommand",
    "Waiting",
    "WaitingRun",
    "decode_limit_command",
    "decode_waiting",
    "decode_waiting_run",
]

from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from flowworker.core.admission import waits_for
from flowworker.core.attempt import UNATTEMPTED, Attempt
from flowworker.core.limit import MAX_CONCURRENCY, Use
from flowworker.core.limiting import Ask
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

    @property
    def ask(self) -> Ask:
        """What it asks of the limit for which it waits."""
        use = self.uses[self.place]
        return Ask(self.run, self.step, self.attempt, use.concurrency, use.rate, share=use.share)


class WaitingRun(Struct, frozen=True, omit_defaults=True):
    """A run that waits for a limit; all else of it is in its record.

    Attributes:
        uses, ticket: as its record has them.
        place: for which of them it waits; it holds those before that.
    """

    run: str
    uses: tuple[Use, ...]
    ticket: str
    place: int = 0
    v: int = 1

    @property
    def ask(self) -> Ask:
        """What it asks of the limit for which it waits."""
        use = self.uses[self.place]
        waits = waits_for(use.strategy)
        return Ask(self.run, "", UNATTEMPTED, use.concurrency, use.rate, self.ticket, waits)


Entry: TypeAlias = Waiting | WaitingRun
"""Who waits for a limit."""


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
decode_waiting_run = msgspec.json.Decoder(WaitingRun).decode
decode_limit_command = msgspec.json.Decoder(LimitCommand).decode

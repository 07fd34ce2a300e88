"""What operators send about queues and workflows: `<ns>.control.<of>.<action>.<name>`."""

from __future__ import annotations

__all__ = [
    "NAMES",
    "PAUSES",
    "Pausable",
    "PauseAction",
    "PauseCommand",
    "decode_pause_command",
    "pause_key",
]

from enum import StrEnum

import msgspec
from msgspec import Struct

from flowworker.core.ids import DOTTED_NAME, TOKEN


class Pausable(StrEnum):
    """What can be paused besides a run."""

    QUEUE = "queue"
    WORKFLOW = "workflow"


NAMES = {Pausable.QUEUE: TOKEN, Pausable.WORKFLOW: DOTTED_NAME}
"""What each is called."""

PAUSES = tuple(f"{one}." for one in Pausable)
"""What the subject of a control goes on with that is about one of them."""


class PauseAction(StrEnum):
    """What can be done to it."""

    PAUSE = "pause"
    UNPAUSE = "unpause"


class PauseCommand(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Body of a command; an empty body is fine. Who sends it stands in the header `Flow-Actor`.

    Attributes:
        reason: for pause, shown as long as it lasts.
    """

    reason: str = ""


decode_pause_command = msgspec.json.Decoder(PauseCommand).decode


def pause_key(of: str, name: str) -> str:
    """Key of the record that says whether a queue or a workflow (`of`) pauses."""
    return f"pause.{of}.{name}"

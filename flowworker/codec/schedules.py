"""What operators send about schedules: `<ns>.control.schedule.<action>.<id>`."""

from __future__ import annotations

__all__ = ["SCHEDULE_PREFIX", "ScheduleAction", "ScheduleCommand", "decode_schedule_command"]

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct, field

from flowworker.core.payload import Inline
from flowworker.core.schedule import Overlap

SCHEDULE_PREFIX = "schedule."
"""What the subject of a control goes on with that is about a schedule."""


class ScheduleAction(StrEnum):
    """What can be done to a schedule; `register` is about all of a workflow's definition."""

    CREATE = "create"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    TRIGGER = "trigger"
    BACKFILL = "backfill"
    DELETE = "delete"
    REGISTER = "register"


class ScheduleCommand(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Body of a command; an empty body is fine for all but `create` and `backfill`.

    Attributes:
        workflow: for create, whose runs it begins.
        schedule: for create, what it says, with the keys of `schedules` in a definition.
        sealed: for create, its `input` as a sealed payload.
        replace: for create, one of that id may be there, and becomes this one.
        reason: for pause.
        at: for trigger, what the id of the run says; when it was sent, if it is not given.
        overlap: for trigger and backfill, instead of what the schedule says.
        begin, end: for backfill, between which moments (`from` and `to` on the wire), RFC 3339 or
            epoch seconds.
    """

    workflow: str = ""
    schedule: dict[str, Any] | None = None
    sealed: Inline | None = None
    replace: bool = False
    reason: str = ""
    overlap: Overlap | None = None
    at: str | float | None = None
    begin: str | float | None = field(default=None, name="from")
    end: str | float | None = field(default=None, name="to")


decode_schedule_command = msgspec.json.Decoder(ScheduleCommand).decode

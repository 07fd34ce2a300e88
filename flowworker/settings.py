"""Every number that a user may want to change, with its unit and its reason."""

from __future__ import annotations

__all__ = [
    "CONNECTION",
    "ENV_PREFIX",
    "FRAME",
    "NAMESPACE",
    "Settings",
    "check_fit",
    "check_numbers",
    "from_environment",
    "settings_from",
    "variable",
]

import sys
from typing import TYPE_CHECKING, TypeVar, get_args

import msgspec
from msgspec import Struct

from flowworker.core.model import MAX_SECONDS
from flowworker.core.records import MAX_TRACEBACK
from flowworker.environment import CONNECTION, ENV_PREFIX, NAMESPACE
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T", bound=Struct)

_EXPECTED = f"expected a positive number; of seconds, at most {MAX_SECONDS:,.0f}"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a fleet's processes. Times are seconds, sizes bytes; all are positive.

    Attributes:
        lease: how long a claim holds without a heartbeat; also the ack wait of steps.
        partition_lease: how long a coordinator keeps its partitions without renewing them.
        inline_limit: a payload up to this size travels in messages and records.
        message_limit: outputs of others up to this size in all travel in a step's message.
        payload_limit: a payload, or an input as a whole, above this size is refused.
        retention: a finished run is kept this long, unless its workflow says otherwise.
        handler_grace: how long a worker that lacks a handler puts its steps back for others before
            their attempts fail; None for as long as it takes.
        short_delay: retries due sooner are timed in process, their event unacknowledged.
        concurrency: handlers that a worker runs at a time.
        drain: how long a worker waits for running handlers on SIGTERM.
        sweep: how often a coordinator looks for runs without progress.
        max_active: runs that a coordinator keeps in memory.
        workflow_labels: metrics tell workflows apart.
        handler_labels: metrics tell handlers apart.
        reply_prefixes: subjects to which a `Flow-Reply` may point begin with one of these.
        payload_keys: path of a file with the keys that payloads are sealed with; empty for none.
        payload_codec: `module:function` that returns a codec of the user's own instead.
        require_sealed: refuse payloads that are not sealed.
        redact: globs of names of fields whose values are hidden in what people see.

    Raises:
        InvalidInput: a number is out of range, a prefix would allow any subject, or settings
            contradict each other.
    """

    lease: float = 30.0
    partition_lease: float = 10.0
    inline_limit: int = 4_096
    message_limit: int = 16_384
    payload_limit: int = 64 * 1024 * 1024
    retention: float = 72 * 3600.0
    handler_grace: float | None = None
    short_delay: float = 5.0
    concurrency: int = 64
    drain: float = 25.0
    sweep: float = 15.0
    max_active: int = 50_000
    workflow_labels: bool = True
    handler_labels: bool = True
    reply_prefixes: tuple[str, ...] = ("_INBOX.",)
    payload_keys: str = ""
    payload_codec: str = ""
    require_sealed: bool = False
    redact: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would do harm later."""
        check_numbers(self)
        if "" in self.reply_prefixes:
            raise InvalidInput("reply_prefixes: expected beginnings of subjects, found ''")
        if any(not glob.strip() for glob in self.redact):
            raise InvalidInput("redact: expected names of fields, such as *password*, found ''")
        if self.payload_keys and self.payload_codec:
            raise InvalidInput("payload_keys and payload_codec: expected one of them")
        if self.require_sealed and not (self.payload_keys or self.payload_codec):
            raise InvalidInput("require_sealed: expected payload_keys or payload_codec with it")
        for larger in ("message_limit", "payload_limit"):
            if self.inline_limit > getattr(self, larger):
                raise InvalidInput(
                    f"inline_limit={self.inline_limit}: expected at most {larger}, "
                    f"which is {getattr(self, larger)}"
                )


FRAME = 16_384
"""Bytes of a message, or a record, around its payloads: names, an error, what orders them."""


def check_fit(settings: Settings, max_body: int) -> None:
    """Raise InvalidInput unless all that the settings let into a message fits one.

    That is, beside what a step is given of others (or, in a record, the traceback of a failure),
    the run's input and the step's own output.
    """
    needed = max(settings.message_limit, 4 * MAX_TRACEBACK) + 2 * settings.inline_limit + FRAME
    if needed > max_body:
        raise InvalidInput(
            f"message_limit={settings.message_limit}, inline_limit={settings.inline_limit}: step "
            f"messages may have {needed:,} bytes then, and the server takes {max_body:,}; lower "
            "these settings, or raise the server's max_payload"
        )


def check_numbers(settings: Struct) -> None:
    """Raise InvalidInput unless all numbers among the settings are positive."""
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        if not _is_in_range(value, field):
            raise InvalidInput(f"{field.name}={value!r}: {_EXPECTED}")


def _is_in_range(value: object, field: msgspec.structs.FieldInfo) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return True
    is_time = float in {field.type, *get_args(field.type)}
    return 0 < value <= (MAX_SECONDS if is_time else sys.maxsize)


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings with what the environment says; raises InvalidInput as `from_environment` does."""
    return from_environment(Settings, environment)


def variable(setting: str) -> str:
    """The environment variable of a setting."""
    return f"{ENV_PREFIX}{setting.upper()}"


def from_environment(kind: type[T], environment: Mapping[str, str]) -> T:
    """A struct of settings with what the environment says.

    Lists are separated by commas; what is empty between those is nothing. An empty variable is as
    good as none.

    Raises:
        InvalidInput: a value is not what its setting is made of, or out of range.
    """
    chosen: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        named = variable(field.name)
        if not (text := environment.get(named)):
            continue
        value = _parts(text) if field.type == tuple[str, ...] else text
        try:
            chosen[field.name] = msgspec.convert(value, field.type, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"{named}={text!r}: {_wanted(field, error)}") from error
        if not _is_in_range(chosen[field.name], field):
            raise InvalidInput(f"{named}={text!r}: {_EXPECTED}")
    return kind(**chosen)


def _wanted(field: msgspec.structs.FieldInfo, error: msgspec.ValidationError) -> str:
    kinds = {field.type, *get_args(field.type)}
    if float in kinds:
        return "expected a number of seconds, such as 30 or 0.5, without a unit"
    if bool in kinds:
        return "expected true or false"
    return "expected a whole number" if int in kinds else str(error)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())

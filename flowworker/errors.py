"""Every error that flowworker raises, as one tree.

    FlowworkerError
    ├── DefinitionError        a workflow definition is not usable; lists every problem
    ├── InvalidInput           an argument, a message or a payload is not what was expected
    │   ├── ConversionError    input or output does not fit the type a handler declares
    │   ├── PayloadTooLarge    a payload exceeds the configured maximum
    │   ├── RunIdTaken         a run of that id was started otherwise
    │   ├── RunRefused         there is no place for a run under the limits of its workflow
    │   └── ScheduleIdTaken    a schedule of that id exists
    ├── NotFound               a workflow, run, namespace or handler: each has its own below it
    ├── ExpressionError        an expression has no value for what a run's steps came to
    ├── Conflict               a compare-and-set lost: another process wrote first
    ├── CorruptRecord          stored bytes cannot be read; keeps them
    │   └── NewerRelease       a newer release wrote them
    ├── Unavailable            a server did not answer in time
    │   ├── ServerUnavailable  no usable NATS server
    │   ├── PermissionDenied   the server refuses this user a subject
    │   └── PayloadKeyMissing  a payload is sealed with a key that this process does not have
    ├── TopologyMismatch       a stream, bucket or consumer exists with other settings
    ├── LockTimeoutError       a lock was not free within the timeout
    ├── ResultTimeout          a run did not end within the timeout
    ├── RunFailed, RunCancelled   a run that was waited for ended so
    ├── Standstill             in a test, nothing can happen any more
    ├── NonRetryableError      raised by handlers: do not try this step again
    └── RetryAfter             raised by handlers: try again after so many seconds

Messages say what was expected, what was found, and what to do; in one line, unless they list much.
"""

from __future__ import annotations

__all__ = [
    "Conflict",
    "ConversionError",
    "CorruptRecord",
    "DefinitionError",
    "ExpressionError",
    "FlowworkerError",
    "HandlerNotFound",
    "InvalidInput",
    "LockTimeoutError",
    "NamespaceNotFound",
    "NewerRelease",
    "NonRetryableError",
    "NotFound",
    "PayloadKeyMissing",
    "PayloadTooLarge",
    "PermissionDenied",
    "Problem",
    "ResultTimeout",
    "RetryAfter",
    "RunCancelled",
    "RunFailed",
    "RunIdTaken",
    "RunNotFound",
    "RunRefused",
    "ScheduleIdTaken",
    "ServerUnavailable",
    "Standstill",
    "TopologyMismatch",
    "Unavailable",
    "WorkflowNotFound",
]

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_NAMES = 20
"""How many names one message lists."""


class FlowworkerError(Exception):
    """The root of the tree; catching it catches everything that flowworker raises on purpose."""


class Problem(Struct, frozen=True):
    """One thing that is wrong with a definition; as a text, one printable line.

    Attributes:
        message: what was expected and what was found.
        source: the file, or what stands for it; empty if the message says it.
        line, column: counted from 1; 0 if the problem has no place in the source.
        hint: what to do, if that can be said.
    """

    message: str
    source: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.hint})" if self.hint else text


class DefinitionError(FlowworkerError):
    """A workflow definition is not usable.

    Attributes:
        problems: in the order of the file.
        has_more: there are so many that these are not all.
    """

    def __init__(self, problems: Sequence[Problem | str], *, has_more: bool = False) -> None:
        """Keep the problems; the message shows them, one a line."""
        self.problems = tuple(Problem(each) if isinstance(each, str) else each for each in problems)
        self.has_more = has_more
        super().__init__("\n".join([*map(str, self.problems), *(["and more"] if has_more else [])]))


class InvalidInput(FlowworkerError):
    """An argument, a message or a payload is not what was expected."""


class ConversionError(InvalidInput):
    """A value does not fit the type that a handler declares."""


class PayloadTooLarge(InvalidInput):
    """A payload exceeds the configured maximum."""


class RunIdTaken(InvalidInput):
    """A run of that id exists, and was started with another workflow or input. It goes on."""


class RunRefused(InvalidInput):
    """Limits of a workflow have no place for a run of it; `retry_at` says when, of a rate."""

    retry_at = 0.0


class ScheduleIdTaken(InvalidInput):
    """A schedule of that id exists, and was not to be replaced, or belongs to a definition."""


class NotFound(FlowworkerError):
    """What was asked for does not exist (any more)."""


class WorkflowNotFound(NotFound):
    """No workflow of that name is registered."""


class RunNotFound(NotFound):
    """No run of that id exists: never started, or no longer retained."""


class NamespaceNotFound(NotFound):
    """The server has no streams of that namespace, and they were not to be created."""


class HandlerNotFound(NotFound):
    """No step handler is registered under that name."""


class ExpressionError(FlowworkerError):
    """An expression has no value for what a run's steps came to; trying again cannot help.

    Attributes:
        expression: its text.
        cause: why it has no value.
        names: what it could have named.
    """

    def __init__(self, expression: str, cause: str, names: Iterable[str] = ()) -> None:
        """Say what there was to name."""
        self.expression = expression
        self.cause = cause
        self.names = tuple(names)
        more = ", ..." if len(self.names) > _MOST_NAMES else ""
        there = ", ".join(self.names[:_MOST_NAMES])
        hint = f" (there were: {there}{more})" if there else ""
        super().__init__(f"{expression!r:.200}: {cause}{hint}")


class Conflict(FlowworkerError):
    """A compare-and-set lost: the record is at another revision than expected."""


class CorruptRecord(FlowworkerError):
    """Stored bytes cannot be read.

    Attributes:
        key: where they are stored.
        raw: the bytes as found.
    """

    def __init__(self, key: str, raw: bytes, reason: str) -> None:
        """Keep the raw bytes, so that nothing is lost by reporting them."""
        self.key = key
        self.raw = raw
        super().__init__(f"{key}: stored bytes cannot be read: {reason} (found {raw[:80]!r})")


class NewerRelease(CorruptRecord):
    """A newer release wrote them, in a form that this one does not know. They are left alone."""

    def __init__(self, key: str, raw: bytes, found: str) -> None:
        """Say in which form."""
        super().__init__(key, raw, found)
        self.args = (
            f"{key}: written by a newer release, {found}: left for its processes; replace those "
            "of this release",
        )


class Unavailable(FlowworkerError):
    """A server could not be reached, or did not answer in time; trying again later may help."""


class ServerUnavailable(Unavailable):
    """There is no usable NATS server: unreachable, too old, or without JetStream."""


class PermissionDenied(Unavailable):
    """The server refuses this user a subject; trying again helps once it has the right."""


class PayloadKeyMissing(Unavailable):
    """A payload is sealed with a key that this process does not have. It waits for one that does.

    Attributes:
        key: the id of the key.
    """

    def __init__(self, key: str, known: Iterable[str] = ()) -> None:
        """Say which, and which ones are here."""
        self.key = key
        here = ", ".join(known) or "none"
        text = f"a payload is sealed with the key {key!r:.80}, which this process does not have"
        rest = "add it to the file of FLOWWORKER_PAYLOAD_KEYS, for as long as there are runs from"
        super().__init__(f"{text} (it has: {here}); {rest} its time")


class TopologyMismatch(FlowworkerError):
    """A stream, bucket or consumer exists with other settings than this fleet needs."""


class LockTimeoutError(FlowworkerError):
    """A lock was not free within the timeout."""


class ResultTimeout(FlowworkerError):
    """A run did not end within the timeout; it goes on."""


class RunFailed(FlowworkerError):
    """A run that was waited for ended FAILED; the message is the run's error."""


class RunCancelled(FlowworkerError):
    """A run that was waited for ended CANCELLED."""


class Standstill(FlowworkerError):
    """In a test what was waited for cannot happen any more, however much time passes."""


class NonRetryableError(FlowworkerError):
    """Raise it in a handler to say that trying this step again cannot help."""


_LONGEST_WAIT = 366 * 86_400  # seconds: a year


class RetryAfter(FlowworkerError):
    """Raise it in a handler to say when it is worth trying again: as a server says that is busy.

    It takes the place of the policy's delay; how often it is tried stays the policy's matter.

    Attributes:
        seconds: to wait before the next attempt.
    """

    seconds: float = 0.0

    def __init__(self, seconds: float, message: str = "") -> None:
        """Wait so long; not at all if the time to wait for is past.

        Raises:
            InvalidInput: that is no number of seconds, or more than a year of them.
        """
        if not isinstance(seconds, int | float) or not seconds <= _LONGEST_WAIT:
            expected = f"seconds, at most {_LONGEST_WAIT:,}"
            raise InvalidInput(f"RetryAfter: expected {expected}; found {seconds!r:.100}")
        self.seconds = max(0.0, float(seconds))
        # Also how it is made anew from its arguments in another process.
        super().__init__(self.seconds, message)

    def __str__(self) -> str:
        _, message = self.args
        return message or f"try again after {self.seconds:g} s"

"""What values of a document may look like: the types that its structs share."""

from __future__ import annotations

__all__ = [
    "Attempts",
    "Duration",
    "GivenDuration",
    "GivenPriority",
    "Labelled",
    "Mapped",
    "Name",
    "QueueName",
]

from typing import Annotated, Any

from msgspec import Meta

from flowworker.core.ids import DOTTED_NAME, MAX_NAME, RESERVED_QUEUES, TOKEN
from flowworker.core.labels import LABEL_KEY, MAX_LABELS
from flowworker.core.model import MAX_ATTEMPTS, MAX_SECONDS
from flowworker.core.status import Priority
from flowworker.definitions.duration import DURATION_PATTERN

Name = Annotated[str, Meta(pattern=f"^{DOTTED_NAME.pattern}$", max_length=MAX_NAME)]
QueueName = Annotated[
    str, Meta(pattern=f"^(?!({'|'.join(sorted(RESERVED_QUEUES))})$){TOKEN.pattern}$")
]
Attempts = Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS)]
Duration = (
    Annotated[str, Meta(pattern=DURATION_PATTERN, examples=["500ms", "30s", "1h30m", "7d"])]
    | Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
)

GivenDuration = (
    Annotated[str, Meta(pattern=rf"{DURATION_PATTERN}|\$\{{", examples=["30s", "${input.limit}"])]
    | Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
)
"""A duration, or a text with an expression that gives one."""
GivenPriority = Annotated[str, Meta(pattern=rf"^({'|'.join(Priority)})$|\$\{{")]
Mapped = dict[str, Any]
"""Names and values of any kind."""
Labelled = Annotated[
    dict[Annotated[str, Meta(pattern=f"^{LABEL_KEY.pattern}$")], str | float | bool | None],
    Meta(max_length=MAX_LABELS, examples=[{"team": "shipping", "customer": "${input.customer}"}]),
]
"""Labels of runs, as texts that may have expressions."""

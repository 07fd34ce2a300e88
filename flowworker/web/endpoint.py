"""One thing that can be asked for, as a value: routes, checks and the document are made of it."""

from __future__ import annotations

__all__ = ["Call", "Endpoint", "Events", "Json", "Query"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.web.roles import Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.web.guard import Guard
    from flowworker.web.hub import Hub
    from flowworker.web.reach import Fleet
    from flowworker.web.roles import Caller
    from flowworker.web.streams import Streams


class Query(Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of a request, none here."""


class Json(Struct, frozen=True):
    """Stands for an answer that is any JSON value, as its sender wrote it."""


class Events(Struct, frozen=True):
    """Stands for an answer that is a stream of events."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is to be answered.

    Attributes:
        path: the parameters in the path, by name.
        query: what the endpoint's `query` is.
        body: what the endpoint's `body` is.
        address: where it was sent from.
        last_event: the id of the last event that the client has seen.
        headers: further ones of the answer.
    """

    fleet: Fleet
    guard: Guard
    hub: Hub
    streams: Streams
    caller: Caller
    path: dict[str, str]
    query: Any
    body: Any = None
    address: str = ""
    last_event: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What stands for the caller where callers are counted."""
        return f"{self.caller.role}:{self.caller.name}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method of a path below `/api/v1`.

    Attributes:
        name: unique, for programs that make clients of the document.
        answer: the type of the answer; `Json` for bytes that are JSON.
        role: who may ask.
        status: of the answer.
        cost: how much of the caller's rate it takes.
    """

    method: str
    path: str
    name: str
    about: str
    perform: Callable[[Call], Awaitable[Any]]
    answer: Any
    query: type[Struct] = Query
    body: type[Struct] | None = None
    role: Role = Role.VIEWER
    status: int = 200
    cost: float = 1.0

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those in the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

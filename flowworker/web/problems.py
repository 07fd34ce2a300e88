"""Errors as answers: problem details by RFC 9457."""

from __future__ import annotations

__all__ = ["PROBLEM_TYPE", "STATUSES", "ApiError", "Problem", "problem_of", "status_of"]

from http import HTTPStatus
from typing import TYPE_CHECKING

from msgspec import Struct

from flowworker import errors

if TYPE_CHECKING:
    from flowworker.errors import FlowworkerError

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER = 2
"""Seconds after which it is worth asking again while the server of the fleet is away."""

STATUSES: dict[type[FlowworkerError], HTTPStatus] = {
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.RunIdTaken: HTTPStatus.CONFLICT,
    errors.RunRefused: HTTPStatus.CONFLICT,
    errors.ScheduleIdTaken: HTTPStatus.CONFLICT,
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.DefinitionError: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.ExpressionError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.NamespaceNotFound: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.PermissionDenied: HTTPStatus.BAD_GATEWAY,
    errors.PayloadKeyMissing: HTTPStatus.BAD_GATEWAY,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.LockTimeoutError: HTTPStatus.GATEWAY_TIMEOUT,
    errors.ResultTimeout: HTTPStatus.GATEWAY_TIMEOUT,
}
"""The status of an error is that of the nearest of its classes; of all others, 500."""


class Problem(Struct, frozen=True, omit_defaults=True):
    """Why a request was not answered as it was meant (RFC 9457).

    Attributes:
        type: `about:blank`, or `urn:flowworker:` and the name of an error.
        title: the same for people.
        status: of HTTP.
        detail: what was expected, what was found, and what to do.
        problems: one by one, if there are several.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    problems: tuple[str, ...] = ()


class ApiError(Exception):
    """A request is refused for what HTTP alone knows of."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        """Answer with that status, and these headers."""
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}

    @property
    def problem(self) -> Problem:
        """The answer's body."""
        return Problem("about:blank", self.status.phrase, self.status, str(self))


def status_of(error: FlowworkerError) -> HTTPStatus:
    """The status that says it best."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_of(error: FlowworkerError) -> Problem:
    """The answer's body for an error of the tree."""
    listed = error.problems if isinstance(error, errors.DefinitionError) else ()
    name = type(error).__name__
    title = (type(error).__doc__ or name).partition("\n")[0].rstrip(".")
    return Problem(
        f"urn:flowworker:{name}", title, status_of(error), str(error), tuple(map(str, listed))
    )

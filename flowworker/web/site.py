"""The endpoints as an ASGI application: requests in, and answers or problems out."""

from __future__ import annotations

__all__ = ["Parts", "make_site"]

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from flowworker.codec.json import UNREADABLE, encode
from flowworker.errors import FlowworkerError
from flowworker.telemetry.log import get_logger
from flowworker.web.acting import ACTING
from flowworker.web.counting import ASKED_FOR, Counting
from flowworker.web.endpoint import Call, Events
from flowworker.web.events import EVENTS
from flowworker.web.layouts import LAYOUTS
from flowworker.web.limits import LIMITS
from flowworker.web.looking import LOOKING
from flowworker.web.many import MANY
from flowworker.web.openapi import PREFIX, document
from flowworker.web.pages import page_routes
from flowworker.web.pausing import PAUSING
from flowworker.web.problems import (
    PROBLEM_TYPE,
    RETRY_AFTER,
    ApiError,
    problem_of,
)
from flowworker.web.queries import read_query
from flowworker.web.schedules import SCHEDULES
from flowworker.web.sessions import SESSIONS
from flowworker.web.shell import Shell
from flowworker.web.streams import EventStream, Streams
from flowworker.web.unfinished import UNFINISHED
from flowworker.web.workflows import WORKFLOWS

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from flowworker.clock import Clock
    from flowworker.telemetry.metrics import Metrics
    from flowworker.web.endpoint import Endpoint
    from flowworker.web.guard import Guard
    from flowworker.web.hub import Hub
    from flowworker.web.reach import Fleet

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a request's body."""

BODY_TIME = 10.0
"""Seconds for a body to come."""

ENDPOINTS = (
    *(*SESSIONS, *LOOKING, *WORKFLOWS, *UNFINISHED, *LAYOUTS, *ACTING),
    *(*PAUSING, *MANY, *SCHEDULES, *LIMITS, *EVENTS),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What all requests share."""

    fleet: Fleet
    guard: Guard
    hub: Hub
    streams: Streams


def make_site(parts: Parts, metrics: Metrics, clock: Clock) -> ASGIApp:
    """The application, which counts what it is asked."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    described = encode(document(ENDPOINTS))
    routes = [
        Route(f"{PREFIX}{path}", _Resource(parts, methods).answer, methods=[*methods])
        for path, methods in by_path.items()
    ]

    async def show_document(request: Request) -> Response:
        request.scope[ASKED_FOR] = "openapi"
        return Response(described, media_type="application/json")

    routes.append(Route(f"{PREFIX}/openapi.json", show_document))
    routes += page_routes()
    handlers: Any = {HTTPException: _refused_by_router}
    site = Shell(Starlette(routes=routes, exception_handlers=handlers), parts.guard)
    return Counting(site, metrics, clock)


async def _refused_by_router(request: Request, error: Exception) -> Response:
    """No such path, or no such method."""
    assert isinstance(error, HTTPException)
    detail = f"{request.method} {request.url.path}: see {PREFIX}/openapi.json"
    return problem(ApiError(HTTPStatus(error.status_code), detail, dict(error.headers or {})))


class _Resource:
    """What is at one path."""

    def __init__(self, parts: Parts, methods: dict[str, Endpoint]) -> None:
        self._parts = parts
        self._methods = methods

    async def answer(self, request: Request) -> Response | EventStream:
        """One request."""
        method = "GET" if request.method == "HEAD" else request.method
        endpoint = self._methods[method]
        request.scope[ASKED_FOR] = endpoint.name
        try:
            return await self._answer(endpoint, request)
        except (ApiError, FlowworkerError) as error:
            return problem(error)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a user
            get_logger().error("a request was not answered", endpoint=endpoint.name, exc_info=error)
            return problem(ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a bug; see the log"))

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response | EventStream:
        address = "" if request.client is None else request.client.host
        caller = self._parts.guard.admit(endpoint, address, request.headers, request.cookies)
        call = Call(
            fleet=self._parts.fleet,
            guard=self._parts.guard,
            hub=self._parts.hub,
            streams=self._parts.streams,
            caller=caller,
            path={name: str(value) for name, value in request.path_params.items()},
            query=read_query(endpoint.query, request.query_params.multi_items()),
            body=None if endpoint.body is None else await _body(endpoint.body, request),
            address=address,
            last_event=request.headers.get("last-event-id", ""),
        )
        if endpoint.answer is Events and request.method == "HEAD":
            raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "a stream has no end", {"Allow": "GET"})
        value = await endpoint.perform(call)
        if isinstance(value, EventStream):
            return value
        if value is None:
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=call.headers)
        body = value if isinstance(value, bytes) else encode(value)
        return Response(body, endpoint.status, call.headers, "application/json")


def problem(error: ApiError | FlowworkerError) -> Response:
    """The answer for an error."""
    if isinstance(error, ApiError):
        found, headers = error.problem, error.headers
    else:
        found, headers = problem_of(error), {}
    if found.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(RETRY_AFTER)} | headers
    return Response(encode(found), found.status, headers, PROBLEM_TYPE)


async def _body(kind: type[msgspec.Struct], request: Request) -> Any:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != "application/json":
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a body of application/json")
    data = await _read(request)
    try:
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"the body: {error}") from error


async def _read(request: Request) -> bytes:
    """The body, if it is not too large and comes in time."""
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_TIME):
            async for part in request.stream():
                data += part
                if len(data) > MAX_BODY:
                    raise ApiError(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        f"the body has more than {MAX_BODY:,} bytes",
                    )
    except TimeoutError:
        raise ApiError(
            HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_TIME:g} s"
        ) from None
    return bytes(data)

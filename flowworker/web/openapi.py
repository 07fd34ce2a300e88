"""The OpenAPI document of the endpoints, made of the types that they answer with."""

from __future__ import annotations

__all__ = ["PREFIX", "document"]

import inspect
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.web.endpoint import Events, Json
from flowworker.web.forms import Name, Queue, RunId
from flowworker.web.guard import COOKIE, CSRF_HEADER
from flowworker.web.limits import LimitName
from flowworker.web.problems import PROBLEM_TYPE, Problem
from flowworker.web.queries import without_none
from flowworker.web.roles import Role
from flowworker.web.schedules import ScheduleId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowworker.web.endpoint import Endpoint

PREFIX = "/api/v1"

_REFERENCES = "#/components/schemas/{name}"
_ANY: dict[str, Any] = {"description": "Any JSON value, as its sender wrote it."}
_TEXT = {"type": "string"}
_LAST_EVENT: dict[str, Any] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The last event that was seen: only what came after it is sent.",
    "schema": _TEXT,
}
_PATH_TYPES: dict[str, Any] = {
    "run": RunId,
    "workflow": Name,
    "schedule": ScheduleId,
    "queue": Queue,
    "name": LimitName,
    "step": str,
    "hash": str,
}
_ABOUT = f"""
The same views as `flowworker COMMAND --json` prints, and the same actions. Send a token as
`Authorization: Bearer TOKEN`; browsers exchange it for a cookie, and send the header
`{CSRF_HEADER}` with all that changes something. Errors are problem details (RFC 9457). While the
fleet cannot be reached the answer is 503 with `Retry-After`.
"""
_REFUSALS = {
    "400": "The request is not what was expected.",
    "401": "No token, or one that is not accepted.",
    "403": "Not for this role, not on this server, or caused by another site.",
    "404": "There is no such thing.",
    "409": "It collides with what is there.",
    "421": "This server has another name.",
    "422": "An expression has no value for what is recorded.",
    "429": "Too many requests; `Retry-After` says when to ask again.",
    "500": "Something cannot be read, or a bug.",
    "502": "The fleet's server refuses, or a payload's key is not here.",
    "503": "The fleet cannot be reached; `Retry-After` says when to ask again.",
    "504": "It took too long.",
}
_WITH_BODY = {
    "408": "The body did not come in time.",
    "413": "The body, or the payload in it, is too large.",
    "415": "The body is not `application/json`.",
}


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """OpenAPI 3.1 for these endpoints."""
    found = list(endpoints)
    kinds = {kind for endpoint in found for kind in _types(endpoint)}
    listed = sorted(kinds, key=lambda kind: str(kind.__name__))
    _, components = msgspec.json.schema_components(listed, ref_template=_REFERENCES)
    paths: dict[str, Any] = {}
    for endpoint in found:
        path = paths.setdefault(f"{PREFIX}{endpoint.path}", {})
        path[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "flowworker",
            "version": version("flowworker"),
            "description": _ABOUT.strip(),
        },
        "paths": paths,
        "components": {
            "schemas": {name: _cleaned(schema) for name, schema in components.items()},
            "responses": {
                status: _refusal(about) for status, about in (_REFUSALS | _WITH_BODY).items()
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _types(endpoint: Endpoint) -> Iterator[Any]:
    yield Problem
    if endpoint.answer not in {None, Json, Events}:
        yield endpoint.answer
    if endpoint.body is not None:
        yield endpoint.body


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.about,
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint)],
        "responses": {str(endpoint.status): _answer(endpoint)} | _refusals(endpoint),
    }
    if endpoint.answer is Events:
        operation["parameters"].append(_LAST_EVENT)
        operation["responses"]["204"] = {"description": "There is nothing more to come."}
    if endpoint.role is Role.NOBODY:
        operation["security"] = []
    else:
        operation["description"] = f"For {endpoint.role}s."
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(endpoint.body)}},
        }
    return operation


def _refusals(endpoint: Endpoint) -> dict[str, Any]:
    known = _REFUSALS if endpoint.body is None else _REFUSALS | _WITH_BODY
    return {status: {"$ref": f"#/components/responses/{status}"} for status in known}


def _refusal(about: str) -> dict[str, Any]:
    return {"description": about, "content": {PROBLEM_TYPE: {"schema": _reference(Problem)}}}


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.answer is None:
        return {"description": "Done."}
    if endpoint.answer is Events:
        about = "Server-sent events: CloudEvents 1.0, one each."
        return {"description": about, "content": {"text/event-stream": {"schema": _TEXT}}}
    schema = _ANY if endpoint.answer is Json else _reference(endpoint.answer)
    return {"description": "The answer.", "content": {"application/json": {"schema": schema}}}


def _reference(kind: Any) -> dict[str, Any]:
    return {"$ref": _REFERENCES.format(name=kind.__name__)}


def _path_parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for name in endpoint.parameters:
        schema = msgspec.json.schema(_PATH_TYPES[name])
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """The fields of the struct, each as a schema of its own."""
    for field in msgspec.structs.fields(endpoint.query):
        (schema,), _ = msgspec.json.schema_components(
            [without_none(field.type)], ref_template=_REFERENCES
        )
        if isinstance(field.default, bool | int):
            schema = {**schema, "default": field.default}
        yield {"name": field.encode_name, "in": "query", "required": False, "schema": schema}


def _cleaned(schema: dict[str, Any]) -> dict[str, Any]:
    """With the docstring as it is meant to be read."""
    if "description" in schema:
        schema = {**schema, "description": inspect.cleandoc(schema["description"])}
    return schema

"""What messages look like, no matter who sends them and when: what two recordings have in common.

A form is a kind of message, a place in it, and what stands there: texts without what differs from
run to run, and of numbers that they are some.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tests.recorded.files import Message
from tests.recorded.kinds import KINDS

Form = tuple[str, str, str]

_VARYING = (
    # The id of a step message that a rebuild made: which runs are rebuilt depends on the machine
    (re.compile(r"\A\S+/(run|fallback|compensate)/[\d.]+/\d+\.\d+\Z"), "<enqueued again>"),
    (re.compile(r"\ATraceback [\s\S]*\Z"), "<traceback>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "<time>"),
    (re.compile(r"_INBOX\.[\w.-]+"), "<inbox>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "<hex>"),
    (re.compile(r"(.)\1{99,}"), r"<many \1>"),
    (re.compile(r"\bworker-\w+"), "<worker>"),
    (re.compile(r"\d+"), "<n>"),
)
_OF_SERVER = {"Nats-Stream", "Nats-Scheduler"}
"""Headers of messages that the server sends, with those that its version knows."""


def forms(messages: Iterable[Message]) -> set[Form]:
    return {form for each in messages for form in _of(each)}


def _of(message: Message) -> Iterator[Form]:
    kind = next(kind for kind in KINDS if kind.has(message))
    yield kind.name, "subject", _masked(message.subject)
    if not _OF_SERVER & message.headers.keys():
        for name, value in message.headers.items():
            yield kind.name, name, _masked(value)
    if not message.body:
        yield kind.name, "body", _masked(message.data.decode())
        return
    body = msgspec.json.decode(message.body)
    name = f"{kind.name} {body['type']}" if "type" in body else kind.name
    for place, form in _within(body, ""):
        yield name, place, form


def _within(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield place, "object"
        for name, item in value.items():
            yield from _within(item, f"{place}.{_masked(name)}")
    elif isinstance(value, list):
        yield place, "array"
        for item in value:
            yield from _within(item, f"{place}[]")
    else:
        yield place, _masked(value) if isinstance(value, str) else type(value).__name__


def _masked(text: str) -> str:
    for pattern, mask in _VARYING:
        text = pattern.sub(mask, text)
    return text

"""What users put into JSON: nothing of it may become something else without a word.

NaN and infinity would become null, and of two keys with the same text readers would see one.
"""

from __future__ import annotations

__all__ = ["encode_value"]

import math
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.codec.json import decode_value, encode
from flowworker.codec.models import as_json, is_model

if TYPE_CHECKING:
    from collections.abc import Iterator


def encode_value(value: Any) -> bytes:
    """A value of a user as JSON.

    Raises:
        ValueError: a number or a key has no place in JSON; says where it stands.
        TypeError: something is of a kind that JSON does not have.
        RecursionError: it is nested too deep, or in circles.
    """
    raw = encode(value)
    # It is looked at piece by piece only if there is something to find: numbers that became null,
    # or keys that got lost.
    if b"null" in raw or len(encode(decode_value("value", raw))) != len(raw):
        for path, problem in _problems(value, ""):
            raise ValueError(f"{path or 'the value'}: {problem}")
    return raw


def _problems(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case float():
            if not math.isfinite(value):
                yield path, f"JSON has no {value}"
        case dict():
            yield from _in_dict(value, path)
        case list() | tuple() | set() | frozenset():
            for place, item in enumerate(value):
                yield from _problems(item, f"{path}[{place}]")
        case _ if is_model(type(value)):
            yield from _problems(as_json(value), path)
        case _:
            for name in _fields(value):
                yield from _problems(getattr(value, name, None), _below(path, name))


def _in_dict(value: dict[Any, Any], path: str) -> Iterator[tuple[str, str]]:
    seen: dict[str, Any] = {}
    for key, item in value.items():
        (text,) = msgspec.to_builtins({key: None}, str_keys=True)
        if text in seen:
            yield _below(path, text), f"two keys have this text, {seen[text]!r} and {key!r}"
        seen[text] = key
        yield from _problems(item, _below(path, text))


def _fields(value: Any) -> tuple[str, ...]:
    """Names of what an object of a class with fields puts out."""
    kind = type(value)
    if names := getattr(kind, "__struct_fields__", ()):
        return tuple(names)
    if attributes := getattr(kind, "__attrs_attrs__", ()):
        return tuple(attribute.name for attribute in attributes)
    return tuple(getattr(kind, "__dataclass_fields__", ()))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name

"""What annotations of handlers promise: whether JSON can become that, and that JSON."""

from __future__ import annotations

__all__ = ["unreadable", "unwritable"]

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
from msgspec.inspect import CustomType, Field, Type, type_info

from flowworker.codec.models import is_model

_JSON = (dict, list, str, int, float, bool, NoneType)
"""What JSON values are in Python."""

_ITERATORS = (Iterator, Generator, AsyncIterator, AsyncGenerator)


def unreadable(annotation: Any) -> str:
    """Why no JSON value becomes one of these; empty if some do.

    Raises:
        NameError: a class in it is defined further down.
    """
    try:
        msgspec.json.Decoder(annotation)
        kinds = list(_unknown(type_info(annotation)))
    except (TypeError, ValueError) as error:
        return str(error)
    for kind in kinds:
        if not is_model(kind) and not _is_wide(kind):
            return f"no JSON value becomes a {kind.__qualname__}; {_EXPECTED}"
    return ""


def unwritable(annotation: Any) -> str:
    """Why none of these becomes JSON; empty if some do.

    Raises:
        NameError: a class in it is defined further down.
    """
    try:
        kinds = list(_unknown(type_info(annotation)))
    except TypeError:  # only what is read has to be told apart, as in a union of dataclasses
        return next(filter(None, map(unwritable, get_args(annotation))), "")
    for kind in kinds:
        if not is_model(kind) and not _is_wide(kind) and not _may_be_another(kind):
            return f"a {kind.__qualname__} does not become JSON; {_EXPECTED}"
    return ""


_EXPECTED = (
    "expected JSON's own types, a dataclass, attrs class, msgspec Struct, TypedDict or pydantic "
    "model, or what these consist of"
)


def _unknown(found: Type, seen: set[int] | None = None) -> Iterator[type]:
    """Classes within a type that are neither JSON's nor have fields."""
    seen = set() if seen is None else seen
    if id(found) in seen:
        return
    seen.add(id(found))
    if isinstance(found, CustomType):
        yield get_origin(found.cls) or found.cls
        return
    for name in found.__struct_fields__:
        value = getattr(found, name)
        for item in value if isinstance(value, tuple) else (value,):
            inner = item.type if isinstance(item, Field) else item
            if isinstance(inner, Type):
                yield from _unknown(inner, seen)


def _is_wide(kind: type) -> bool:
    """Whether JSON values are instances of it anyway, as of `object` or `numbers.Number`."""
    try:
        return any(issubclass(json, kind) for json in _JSON)
    except TypeError:  # a protocol that cannot be asked
        return False


def _may_be_another(kind: type) -> bool:
    """Whether what is returned may be of a class with fields all the same."""
    if kind in _ITERATORS:
        return False  # abstract, but nobody means anything else by them
    return (
        issubclass(kind, dict | list | tuple)
        or inspect.isabstract(kind)
        or getattr(kind, "_is_protocol", False)
        or bool(kind.__subclasses__())
    )

"""What annotations of handlers promise: whether JSON can become that, and that JSON."""

from __future__ import annotations

__all__ = ["schema_of", "unreadable", "unwritable"]

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
from msgspec import inspect as types
from msgspec.inspect import CustomType, DictType, Field, Type, type_info

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
        parts = list(_parts(type_info(annotation)))
    except (TypeError, ValueError) as error:
        return str(error)
    for kind in _unknown(parts):
        if not is_model(kind) and not _is_wide(kind):
            return f"no JSON value becomes a {kind.__qualname__}; {_EXPECTED}"
    return _no_key(parts)


def unwritable(annotation: Any) -> str:
    """Why none of these becomes JSON; empty if some do.

    Raises:
        NameError: a class in it is defined further down.
    """
    try:
        parts = list(_parts(type_info(annotation)))
    except TypeError:  # a union of dataclasses, for one, which can be written but not read
        return next(filter(None, map(unwritable, get_args(annotation))), "")
    for kind in _unknown(parts):
        if not is_model(kind) and not _is_wide(kind) and not _may_be_another(kind):
            return f"a {kind.__qualname__} does not become JSON; {_EXPECTED}"
    return _no_key(parts)


def schema_of(annotation: Any) -> dict[str, Any] | None:
    """The JSON Schema of these values; None if they have none that is certain.

    Raises:
        NameError: a class in it is defined further down.
    """
    try:
        if any(isinstance(part, CustomType) for part in _parts(type_info(annotation))):
            return None
        return msgspec.json.schema(annotation)
    except (TypeError, ValueError):
        return None


_EXPECTED = (
    "expected JSON's own types, a dataclass, attrs class, msgspec Struct, TypedDict or pydantic "
    "model, or what these consist of"
)


_NO_KEYS = (
    *(types.BoolType, types.NoneType, types.ListType, types.TupleType, types.VarTupleType),
    *(types.SetType, types.FrozenSetType, types.DictType, types.TypedDictType),
    *(types.StructType, types.DataclassType, types.NamedTupleType),
)
"""Types that msgspec writes no key of."""


def _parts(found: Type, seen: set[int] | None = None) -> Iterator[Type]:
    """A type and all that it consists of."""
    seen = set() if seen is None else seen
    if id(found) in seen:
        return
    seen.add(id(found))
    yield found
    for name in found.__struct_fields__:
        value = getattr(found, name)
        for item in value if isinstance(value, tuple) else (value,):
            inner = item.type if isinstance(item, Field) else item
            if isinstance(inner, Type):
                yield from _parts(inner, seen)


def _unknown(parts: list[Type]) -> Iterator[type]:
    """Classes that are neither JSON's nor have fields."""
    for part in parts:
        if isinstance(part, CustomType):
            yield get_origin(part.cls) or part.cls


def _no_key(parts: list[Type]) -> str:
    """Why a dictionary among them is no JSON object; empty if all are."""
    for part in parts:
        if isinstance(part, DictType):
            key = part.key_type
            if isinstance(key, _NO_KEYS) or (isinstance(key, CustomType) and is_model(key.cls)):
                return "the keys of a JSON object are texts; expected str, int or the like as keys"
    return ""


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

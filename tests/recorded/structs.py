"""What messages are made of: the structs in them, and which of their fields say something."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec


def within(value: Any) -> Iterator[Any]:
    """The structs and the members of enumerations in a value, itself included."""
    if isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from within(getattr(value, name))
    elif isinstance(value, Enum):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from within(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from within(item)


def stated(value: msgspec.Struct) -> Iterator[str]:
    """The fields whose values are not their defaults."""
    for field in msgspec.structs.fields(value):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if field.required or getattr(value, field.name) != default:
            yield field.name

"""The parameters of a request: text, read as what the endpoint's `query` says."""

from __future__ import annotations

__all__ = ["read_query", "without_none"]

from collections import Counter
from http import HTTPStatus
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

import msgspec

from flowworker.web.problems import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Struct

Q = TypeVar("Q", bound="Struct")

_NULL = "null"
"""What msgspec takes for nothing when it reads text, whatever its case: to us it is text."""


def read_query(kind: type[Q], items: Sequence[tuple[str, str]]) -> Q:
    """Parameters by name, each given once. One that may be left out cannot be null.

    Raises:
        ApiError: one is unknown, given twice, or not what is expected.
    """
    counted = Counter(name for name, _ in items)
    for name, count in counted.items():
        if count > 1:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"{name!r:.80} is given {count} times")
    given = dict(items)
    try:
        found = msgspec.convert(given, kind, strict=False)
        texts = {
            field.name: msgspec.convert(given[field.encode_name], without_none(field.type))
            for field in msgspec.structs.fields(kind)
            if given.get(field.encode_name, "").lower() == _NULL
        }
    except msgspec.ValidationError as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"parameters: {error}") from error
    return msgspec.structs.replace(found, **texts)


def without_none(kind: Any) -> Any:
    """The type of a parameter that may be left out, and cannot be null."""
    if get_origin(kind) not in {UnionType, Union}:
        return kind
    [other] = (one for one in get_args(kind) if one is not NoneType)
    return other

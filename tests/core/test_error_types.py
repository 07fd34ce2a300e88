"""Names of exceptions' bases, as far as a policy can name them."""

from __future__ import annotations

import pytest

from flowworker.core.error_types import MAX_BASES, bases_of


class HttpError(OSError):
    pass


class _Internal(HttpError):
    pass


class NotFound(_Internal, LookupError):
    pass


TooBig = type("TooBig", (type("Gr\u00f6\u00dfe", (Exception,), {}),), {})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ValueError, ("Exception", "BaseException")),
        (SystemExit, ("BaseException",)),
        (BaseException, ()),
        (NotFound, ("HttpError", "OSError", "LookupError", "Exception", "BaseException")),
        (TooBig, ("Exception", "BaseException")),
        (type("Long", (type("x" * 129, (Exception,), {}),), {}), ("Exception", "BaseException")),
        (type("A", (type("B", (type("B", (KeyError,), {}),), {}),), {}), None),
    ],
)
def test_the_bases_of_an_exception(kind, expected):
    named_once = ("B", "KeyError", "LookupError", "Exception", "BaseException")

    assert bases_of(kind) == (named_once if expected is None else expected)


def test_of_many_bases_the_nearest_are_named():
    kind: type[BaseException] = Exception
    for number in range(30):
        kind = type(f"E{number}", (kind,), {})

    assert bases_of(kind) == tuple(f"E{number}" for number in range(28, 28 - MAX_BASES, -1))

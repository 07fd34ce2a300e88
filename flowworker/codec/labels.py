"""Labels as the header `Flow-Labels` has them: `team=a,customer=M%C3%BCller`.

A comma between two, and in a value `%XX` for a byte of UTF-8, which commas, percent signs and what
is not ASCII need: the form of the header `baggage` of W3C Baggage, without properties.
"""

from __future__ import annotations

__all__ = ["format_labels", "parse_labels"]

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from flowworker.core.labels import check_labels
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENCODED = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")


def format_labels(labels: Mapping[str, str]) -> str:
    """The header's text; raises InvalidInput for what cannot be labels."""
    found = check_labels(labels)
    return ",".join(f"{name}={quote(value, safe='')}" for name, value in found.items())


def parse_labels(text: str) -> dict[str, str]:
    """The labels that a header says, none for an empty one.

    Raises:
        InvalidInput: which part is not what was expected.
    """
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        name, equals, encoded = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise InvalidInput(f"expected `name=value,name=value`, found {part.strip()!r:.80}")
        if name in found:
            raise InvalidInput(f"label {name:.80} is given twice")
        found[name] = _decoded(name, encoded)
    return check_labels(found)


def _decoded(name: str, encoded: str) -> str:
    try:
        if _ENCODED.fullmatch(encoded):
            return unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        pass
    raise InvalidInput(
        f"label {name:.80}: expected `%` and two hexadecimal digits for a byte of UTF-8, found "
        f"{encoded!r:.80}"
    )

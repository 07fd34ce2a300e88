"""A text with `${…}` in it, cut into its pieces.

Where an expression ends is seen from its brackets and texts alone: `${ {"a": "}"}.a }` is one.
"""

from __future__ import annotations

__all__ = ["Piece", "Unclosed", "cut", "is_template"]

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator


class Piece(Struct, frozen=True):
    """Literal text, or an expression.

    Attributes:
        text: without `${` and `}`.
        at: where it begins in the whole text.
    """

    text: str
    at: int
    is_expression: bool


class Unclosed(ValueError):
    """A `${` without its `}`.

    Attributes:
        at: where the `${` stands.
    """

    def __init__(self, at: int) -> None:
        """Keep the place."""
        self.at = at
        super().__init__(at)


_OPENING = re.compile(r"\$\$\{|\$\{")

# Longest first. A raw text (r"…") ends at the next quote, whatever stands before it.
_TOKEN = re.compile(
    r"""
    (?P<text>
        [bB]?[rR][bB]?(?:'{3}.*?'{3}|"{3}.*?"{3}|'[^'\n]*'|"[^"\n]*")
        | '{3}(?:\\.|.)*?'{3}
        | "{3}(?:\\.|.)*?"{3}
        | '(?:\\.|[^'\\\n])*'
        | "(?:\\.|[^"\\\n])*"
        | //[^\n]*
        | [A-Za-z0-9_]+
    )
    | (?P<open>\{)
    | (?P<close>\})
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


def is_template(text: str) -> bool:
    """Whether a text is more than itself: it has `${`, or `$${` for a literal one."""
    return "${" in text


def cut(text: str) -> Iterator[Piece]:
    """The pieces of a text, in its order; no empty literal ones.

    Raises:
        Unclosed: an expression has no end.
    """
    at = 0
    literal = ""
    while opening := _OPENING.search(text, at):
        literal += text[at : opening.start()]
        if opening[0] == "$${":
            literal += "${"
            at = opening.end()
            continue
        if literal:
            yield Piece(literal, at, is_expression=False)
            literal = ""
        end = _end(text, opening)
        yield Piece(text[opening.end() : end], opening.end(), is_expression=True)
        at = end + 1
    if literal := literal + text[at:]:
        yield Piece(literal, at, is_expression=False)


def _end(text: str, opening: re.Match[str]) -> int:
    """Where the brace stands that closes an expression."""
    depth = 0
    for token in _TOKEN.finditer(text, opening.end()):
        if token["open"]:
            depth += 1
        elif token["close"]:
            if depth == 0:
                return token.start()
            depth -= 1
    raise Unclosed(opening.start())

"""How subjects and keys match patterns: tokens joined by dots, `*` for one, a final `>` for more.

Just as in NATS, `>` stands for one token at least.
"""

from __future__ import annotations

__all__ = ["literal_prefix", "matches", "prefixes"]

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WILDCARDS = frozenset({"*", ">"})


def matches(pattern: str, subject: str) -> bool:
    """Whether the pattern covers the subject."""
    return _compiled(pattern).fullmatch(subject) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    *first, last = pattern.split(".")
    tokens = ["[^.]*" if token == "*" else re.escape(token) for token in (*first, last)]
    if last == ">":
        tokens[-1] = ".*"
    return re.compile(r"\.".join(tokens), re.DOTALL)


def literal_prefix(pattern: str) -> str:
    """The tokens before the first wildcard: one of the `prefixes` of every subject it covers."""
    tokens = pattern.split(".")
    first = next((i for i, token in enumerate(tokens) if token in WILDCARDS), len(tokens))
    return ".".join(tokens[:first])


def prefixes(subject: str) -> Iterator[str]:
    """The empty one, then one token more each time, then the subject itself."""
    yield ""
    end = subject.find(".")
    while end >= 0:
        yield subject[:end]
        end = subject.find(".", end + 1)
    yield subject

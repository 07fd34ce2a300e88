"""Globs of the names of fields whose values are secret, whatever case they are written in."""

from __future__ import annotations

__all__ = ["Names"]

import re
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 256
"""Characters of a name that are compared: what is longer is no field that somebody named."""


class Names:
    """The fields that a list of globs means: `*` is any text, `?` one character, `[ab]` one of."""

    def __init__(self, globs: Sequence[str]) -> None:
        """Mean those whose whole name is like one of them."""
        self._pattern = _compiled(tuple(globs)) if globs else None

    def __contains__(self, name: str) -> bool:
        if self._pattern is None:
            return False
        return self._pattern.fullmatch(name[:_LONGEST].casefold()) is not None


@lru_cache(maxsize=64)
def _compiled(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob.casefold()) for glob in globs))

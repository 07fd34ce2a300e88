"""A set of dotted names that finds those that match a pattern without looking at all of them."""

from __future__ import annotations

__all__ = ["Names"]

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

_Node: TypeAlias = "dict[str, _Node]"

_HERE = ""
"""Marks that a name ends at a node. No token is empty, so it cannot be mistaken for one."""


class Names:
    """One node per token: `step.*.<run>.>` costs as much as the run has steps.

    A run that ends removes its own names by pattern; a scan of all names would make that
    quadratic in the number of runs.
    """

    def __init__(self) -> None:
        self._root: _Node = {}

    def add(self, name: str) -> None:
        """Put a name in; it may be there."""
        node = self._root
        for token in name.split("."):
            node = node.setdefault(token, {})
        node[_HERE] = {}

    def remove(self, name: str) -> None:
        """Take a name out that is in, and every node that led to it alone."""
        tokens = [*name.split("."), _HERE]
        path = [self._root]
        for token in tokens[:-1]:
            path.append(path[-1][token])
        for node, token in zip(reversed(path), reversed(tokens), strict=True):
            del node[token]
            if node:
                return

    def matching(self, pattern: str) -> list[str]:
        """All names that the pattern covers, oldest branches first."""
        return [".".join(tokens) for tokens in _walk(self._root, pattern.split("."), ())]


def _walk(node: _Node, pattern: list[str], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not pattern:
        if _HERE in node:
            yield path
        return
    token, *rest = pattern
    if token in ("*", ">"):
        chosen = [name for name in node if name != _HERE]
    else:
        chosen = [token] if token in node else []
    for name in chosen:
        below = (*path, name)
        yield from _walk(node[name], rest, below)
        if token == ">":
            yield from _walk(node[name], pattern, below)

"""Every name in the database. One hash tag keeps a namespace in one slot of a cluster.

    {<ns>}:revision             counts all writes: revisions and fencing tokens
    {<ns>}:<map>:value:<key>    hash: `v` the value, `r` its revision
    {<ns>}:<map>:names          sorted set of all keys, in lexical order
    {<ns>}:<map>:by-run         the same for `step.<queue>.<run>.<step>` and
                                `emit.<queue>.<run>.<type>`, run before queue
    {<ns>}:lease:value:<key>    hash: `holder`, `token`; expires with the lease
    {<ns>}:lease:names          sorted set of leases by the time at which they end
    {<ns>}:lease:free:<key>     channel: the lease was given up

Maps are `runs`, `definitions` and `payloads`.
"""

from __future__ import annotations

__all__ = ["Range", "checked_namespace", "filed_by_run", "lua_pattern", "range_of"]

import re
from typing import NamedTuple

from flowworker.core.ids import KEY, TOKEN
from flowworker.errors import InvalidInput

_PATTERN = re.compile(r"(?:[A-Za-z0-9_/-]+|\*)(?:\.(?:[A-Za-z0-9_/-]+|\*))*(?:\.>)?|>")
_WILD = frozenset({"*", ">"})
_BY_RUN = frozenset({"step", "emit"})
_LEAST_TOKENS = 4


class Range(NamedTuple):
    """Where to look for the keys that a pattern covers.

    Attributes:
        by_run: in the second set, in which the run stands before the queue.
        prefix: with which all entries in question begin.
        exact: the pattern is a key.
    """

    by_run: bool
    prefix: str
    exact: bool


def checked_namespace(namespace: str) -> str:
    """The namespace, if it is one token."""
    if not TOKEN.fullmatch(namespace):
        raise InvalidInput(f"a namespace is one token of letters, digits, '_' and '-': {namespace}")
    return namespace


def checked_key(key: str) -> str:
    """The key, if it is one."""
    if not KEY.fullmatch(key):
        raise InvalidInput(f"a key is tokens of letters, digits, '_' and '-', found {key[:150]!r}")
    return key


def filed_by_run(key: str) -> str:
    """A key of a queue with its run before that, for the second set; empty for all others."""
    tokens = key.split(".", _LEAST_TOKENS - 1)
    if tokens[0] not in _BY_RUN or len(tokens) < _LEAST_TOKENS:
        return ""
    kind, queue, run, rest = tokens
    return f"{kind}.{run}.{queue}.{rest}"


def range_of(pattern: str) -> Range:
    """The smallest range in which a pattern's keys stand together.

    All steps of a run, `step.*.<run>.>`, are as few entries of the second set; in the first they
    are spread over the queues.
    """
    if _PATTERN.fullmatch(pattern) is None:
        raise InvalidInput(f"a pattern is tokens, '*' and a final '>', found {pattern[:150]!r}")
    tokens = pattern.split(".")
    if not _WILD.intersection(tokens):
        return Range(by_run=False, prefix=pattern, exact=True)
    match tokens:
        case [kind, "*", run, _, *_] if kind in _BY_RUN and run not in _WILD:
            return Range(by_run=True, prefix=f"{kind}.{run}.", exact=False)
    literal = next(index for index, token in enumerate(tokens) if token in _WILD)
    prefix = "".join(f"{token}." for token in tokens[:literal])
    return Range(by_run=False, prefix=prefix, exact=False)


def lua_pattern(pattern: str) -> str:
    """The pattern as Lua's `string.find` takes it."""
    wild = {"*": "[^.]+", ">": ".+"}
    tokens = (wild.get(token) or token.replace("-", "%-") for token in pattern.split("."))
    return f"^{'%.'.join(tokens)}$"

"""What the library complains about, in the words of this project."""

from __future__ import annotations

__all__ = ["problems_of", "readable"]

import re
from typing import TYPE_CHECKING

from flowworker.expressions.names import FUNCTIONS, meant
from flowworker.expressions.problem import ExpressionProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_PROBLEM = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")

_SIGNS = {
    "@in": "in",
    "_?_:_": "?:",
    "_[_]": "[ ]",
    "<jump_condition>": "?:",
    "<iter_range>": "a loop",
}

_SIGN_OF = {"=": "==", "and": "&&", "&": "&&", "or": "||", "|": "||"}
"""What other languages write, and what CEL does."""

_IMPURE = ("now", "today", "random", "uuid", "uuid4")
_NO_CLOCK = "there is no clock and no chance in expressions; run.started_at is a moment"

_REWORDED: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (
        re.compile(r"found no matching overload for '(.*)' applied to '(.*)'"),
        lambda it: f"{_sign(it[1])} does not take {_kinds(it[2])}",
    ),
    (
        re.compile(r"No matching overloads found : ([^()]+)(\(.*\))"),
        lambda it: f"{_sign(it[1])} does not take {_kinds(it[2])}",
    ),
    (
        re.compile(r"No matching overloads found : \((.*)\)\.(\w+)\((.*)\)"),
        lambda it: f"{_sign(it[2])} does not take ({_kinds(it[1])}, {_kinds(it[3])})",
    ),
    (
        re.compile(r"No matching overloads found : (.*)"),
        lambda it: f"{_sign(it[1])} does not take a value of this type",
    ),
    (re.compile(r"Syntax error: \w+ input '<EOF>'.*"), lambda _: "the end was not expected here"),
    (
        re.compile(r"Syntax error: missing ('.*') at '<EOF>'"),
        lambda it: f"{it[1]} is missing at the end",
    ),
    (
        re.compile(r"Syntax error: missing ('.*') at ('.*')"),
        lambda it: f"{it[1]} is missing before {it[2]}",
    ),
    (
        re.compile(r"Syntax error: \w+ input ('.*') expecting .*"),
        lambda it: f"{it[1]} was not expected here",
    ),
    (
        re.compile(r"Syntax error: (?:token recognition error at: |no viable .* input )'(.*)'"),
        lambda it: f"{it[1]!r} was not expected here",
    ),
    (
        re.compile(r"expression of type '(.*)' cannot be the operand of a select operation"),
        lambda it: f"a value of type {_kinds(it[1])} has no fields",
    ),
    (re.compile(r"Applying SELECT to non-message type"), lambda _: "only an object has fields"),
    (re.compile(r"Key not found in map : (.*)"), lambda it: f"there is no {it[1]}"),
]


def problems_of(error: str, text: str, roots: Collection[str]) -> Iterator[ExpressionProblem]:
    """What the library found wrong with an expression."""
    found = _PROBLEM.findall(error)
    if not found:
        yield ExpressionProblem(readable(error))
    for line, column, message in found:
        place = (max(int(line), 1), max(int(column), 1))
        if undeclared := _UNDECLARED.match(message):
            yield _undeclared(undeclared[1], text, place, roots)
        elif message.startswith("Syntax error: "):
            yield ExpressionProblem(readable(message), *place, _meant_sign(text, place))
            return  # others would only follow from it
        else:
            yield ExpressionProblem(readable(message), *place)


def _meant_sign(text: str, place: tuple[int, int]) -> str:
    """What to write instead of a word or a sign of another language; empty for anything else."""
    line, column = place
    lines = [*text.splitlines(), ""]
    before, behind = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
    if re.search(r"\bnot\s*$", before):
        return "did you mean '!'?"
    found = re.match(r"(and|or)\b|[=&|]", behind)
    return f"did you mean {_SIGN_OF[found[0]]!r}?" if found else ""


def _undeclared(
    name: str, text: str, place: tuple[int, int], roots: Collection[str]
) -> ExpressionProblem:
    """A name that nothing has. The library names the whole chain, and points at its end."""
    line, column = place
    before = text.splitlines()[line - 1][:column]
    if before.endswith("(") and "." not in name:
        column = max(before.rfind(name), 0) + 1
        hint = _NO_CLOCK if name in _IMPURE else meant(name, FUNCTIONS)
        return ExpressionProblem(f"there is no function {name!r}", line, column, hint)
    first, dot, _ = name.partition(".")
    if dot:
        column = max(before.rfind(first), 0) + 1
    hint = meant(first, roots) or f"there are: {', '.join(sorted(roots))}"
    return ExpressionProblem(f"nothing is called {first!r}", line, column, hint)


def readable(message: str) -> str:
    """A message of the library without its status codes, reworded where it speaks of itself."""
    message = _STATUS.sub("", message)
    for pattern, reworded in _REWORDED:
        if match := pattern.fullmatch(message):
            return reworded(match)
    return message


def _sign(function: str) -> str:
    return f"'{_SIGNS.get(function, function.strip('_'))}'"


def _kinds(listed: str) -> str:
    return listed.replace("int64", "int").replace("null_type", "null")

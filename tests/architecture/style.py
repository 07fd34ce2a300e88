"""Rules that no linter checks."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from tests.architecture.modules import Module

if TYPE_CHECKING:
    from collections.abc import Iterator


MAX_LINES = 300


CLOCK_ROOMS = {"clock", "embedded", "cli"}
CLOCK_READS = {
    *(f"time.{name}" for name in ("time", "monotonic", "perf_counter", "process_time")),
    *(f"time.{name}_ns" for name in ("time", "monotonic", "perf_counter", "process_time")),
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
}


def check_clock(module: Module) -> Iterator[str]:
    """Only the clock reads the time; everybody else is given it."""
    if module.room in CLOCK_ROOMS:
        return
    full_names = imported_names(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            written = ast.unparse(node)
            head, dot, tail = written.partition(".")
            full = full_names.get(head, head) + dot + tail
            is_loop_time = isinstance(node, ast.Attribute) and re.search(r"loop\W*\.time$", written)
            if full in CLOCK_READS or is_loop_time:
                yield module.at(node, f"{written} reads the time: ask a Clock")


def imported_names(module: Module) -> dict[str, str]:
    """What each imported name stands for: `dt` -> `datetime.datetime`."""
    names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.asname: alias.name for alias in aliases if alias.asname}
            case ast.ImportFrom(module=str(source), names=aliases, level=0):
                names |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in aliases}
    return names


def check_future_import(module: Module) -> Iterator[str]:
    """Annotations are never evaluated by accident."""
    code = [node for node in module.tree.body if not is_text(node)]
    match code:
        case [] | [ast.ImportFrom(module="__future__", names=[ast.alias(name="annotations")]), *_]:
            return
    yield module.at(code[0], "from __future__ import annotations is not the first statement")


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def check_public_names(module: Module) -> Iterator[str]:
    """`__all__` is a literal list, sorted as ruff sorts it: CONSTANTS, Classes, functions."""
    for node in module.tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                try:
                    names = ast.literal_eval(value)
                except ValueError:
                    yield module.at(node, "__all__ is not a literal list of names")
                    continue
                if names != sorted(names, key=public_order):
                    yield module.at(
                        node, f"__all__ is not sorted: {sorted(names, key=public_order)}"
                    )


def public_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, [(int(part or 0), text) for text, part in re.findall(r"(\D+)(\d*)", name)]


def check_length(module: Module) -> Iterator[str]:
    """A long file is two files."""
    if module.lines > MAX_LINES:
        yield module.at(module.tree, f"{module.lines} lines; {MAX_LINES} are allowed")

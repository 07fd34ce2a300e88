"""Imports point downwards."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.architecture.modules import Module, imports
from tests.architecture.rooms import INNER, KNOWS, PURE, RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_imports(module: Module, rooms: set[str]) -> Iterator[str]:
    """Imports point downwards, and reserved libraries stay in their room."""
    if module.room not in KNOWS:
        yield module.at(module.tree, f"room {module.room!r} is in no layer: enter it in KNOWS")
        return
    for node, name in imports(module):
        top, *rest = name.split(".")
        if top == "flowworker":
            target = rest[0] if rest and rest[0] in rooms | set(KNOWS) else "__init__"
            if target != module.room and target not in KNOWS[module.room]:
                yield module.at(node, f"{module.room} may not know {target} ({name})")
            elif target == module.room:
                yield from check_inner_import(module, node, rest[1:])
        elif RESERVED.get(top, module.room) != module.room:
            yield module.at(node, f"only {RESERVED[top]} may import {top}")
        elif module.room == "core" and top not in PURE:
            yield module.at(node, f"core may not import {top}")


def check_inner_import(module: Module, node: ast.AST, target: list[str]) -> Iterator[str]:
    """Within a room imports point downwards as well."""
    within = INNER.get(module.room, {})
    inner = module.name.split(".")[2:3]
    if not inner or inner[0] not in within:
        return
    [name] = inner
    imported = target[0] if target else "__init__"
    if imported != name and imported not in within[name]:
        yield module.at(node, f"{module.room}/{name} may not know {imported}")

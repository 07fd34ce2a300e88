"""The source files of a package, and what they import."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


PACKAGE = Path(__file__).parent.parent.parent / "flowworker"


@dataclass(frozen=True)
class Module:
    """One source file, by its dotted name in the package."""

    path: Path
    name: str
    tree: ast.Module
    lines: int

    @property
    def room(self) -> str:
        return self.name.split(".")[1]

    def at(self, node: ast.AST, complaint: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {complaint}"


def modules(package: Path, name: str = "flowworker") -> Iterator[Module]:
    for path in sorted(package.rglob("*.py")):
        parts = [name, *path.relative_to(package).with_suffix("").parts]
        if parts[-1] == "__init__" and len(parts) > 2:
            parts.pop()
        text = path.read_text(encoding="utf-8")
        yield Module(path, ".".join(parts), ast.parse(text), len(text.splitlines()))


def imports(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every dotted name that the module imports, wherever in it and by whatever means."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                yield from ((node, alias.name) for alias in names)
            case ast.ImportFrom(module=source, names=names, level=level):
                base = from_what(module, source, level)
                yield from ((node, f"{base}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node, name


def from_what(module: Module, source: str | None, level: int) -> str:
    if level == 0:
        return source or ""
    package = module.name.split(".")
    if module.path.stem != "__init__" or module.room == "__init__":
        package.pop()
    return ".".join([*package[: len(package) - level + 1], *([source] if source else [])])

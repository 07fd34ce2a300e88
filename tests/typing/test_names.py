"""Whether the files beside this one, which mypy reads, use every public name."""

from __future__ import annotations

import ast
from pathlib import Path

import flowworker


def test_every_public_name_is_used_under_the_type_checker() -> None:
    used = {
        alias.name
        for path in Path(__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "flowworker"
        for alias in node.names
    }

    assert used == {*flowworker.__all__}

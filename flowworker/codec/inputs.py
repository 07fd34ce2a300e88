"""The map that a step sees, and that a whole run results in."""

from __future__ import annotations

__all__ = ["RESERVED", "merged"]

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


RESERVED = frozenset({"input", "_workflow_id"})
"""Keys of the merged map that no step's output may take."""


def merged(run: str, base: Any, outputs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The Go package's merged map, made deterministic by the order of `outputs`.

    Args:
        run: the run's id.
        base: the run's input.
        outputs: step id and output of each ancestor, in topological order.

    Returns:
        The input's keys, each output's keys over them if it is an object, each whole output under
        its step's id, `input`, and the run's id as `_workflow_id`.
    """
    result: dict[str, Any] = dict(base) if isinstance(base, dict) else {}
    whole: dict[str, Any] = {}
    for step, output in outputs:
        if isinstance(output, dict):
            result.update(output)
        whole[step] = output
    result.update(whole)
    result["input"] = base
    result["_workflow_id"] = run
    return result

"""Under which limits a run falls that is about to begin."""

from __future__ import annotations

__all__ = ["Admissions"]

from typing import TYPE_CHECKING, Any

from flowworker.core.admission import Admission, in_order, run_limit
from flowworker.core.limit import Use
from flowworker.definitions.run_limits import KEY_SCOPE, stated
from flowworker.errors import ExpressionError, InvalidInput
from flowworker.evaluation.keys import key_of
from flowworker.expressions import Expression, compile_expression

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.model import Workflow

_KEPT = 1_000
"""Keys that are remembered, compiled."""


class Admissions:
    """Evaluates the keys of workflows' limits, compiled once for all runs."""

    def __init__(self) -> None:
        self._compiled: dict[str, Expression] = {}

    def of(
        self, workflow: Workflow, value: Mapping[str, Any], labels: Mapping[str, str]
    ) -> Admission | None:
        """How a run stands that does not ask yet; None if it falls under no limits.

        Args:
            workflow: its definition.
            value: its input, defaults filled in.
            labels: all that it has.

        Raises:
            InvalidInput: a key has no value, or is a list, a map or null.
        """
        found = []
        for one in stated(workflow):
            key = self.key(one.key, one.title, {"input": value, "labels": labels})
            limit = run_limit(workflow.name, one.strategy, one.number, key)
            found.append((Use(limit, one.limit, one.rate, one.strategy), bool(one.key), one.number))
        return Admission(in_order(found)) if found else None

    def key(self, text: str, title: str, values: Mapping[str, Any]) -> str:
        """What a key comes to over `input` and `labels`, as JSON; `null` if there is none.

        Raises:
            InvalidInput: as `of`.
        """
        if not text:
            return "null"
        try:
            return key_of(self._expression(text, title).evaluate(values))
        except (ExpressionError, InvalidInput) as error:
            raise InvalidInput(f"key of {title}: {error}") from error

    def _expression(self, text: str, title: str) -> Expression:
        known = self._compiled.get(text)
        if known is not None:
            return known
        found = compile_expression(text, KEY_SCOPE)
        if not isinstance(found, Expression):  # registered by a release that knew another language
            raise InvalidInput(f"key of {title}: {found[0].message}")
        if len(self._compiled) >= _KEPT:
            del self._compiled[next(iter(self._compiled))]
        self._compiled[text] = found
        return found

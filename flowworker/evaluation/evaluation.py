"""Expressions of definitions, compiled when they are first needed, and evaluated for a run.

What a definition says was checked when it was registered. Here is compiled again what is used, once
for all runs of it, and nothing for workflows that have no expressions.
"""

from __future__ import annotations

__all__ = ["Evaluation"]

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import encode
from flowworker.core.ids import defined_id, index_of
from flowworker.core.status import Kind
from flowworker.errors import ExpressionError
from flowworker.expressions import Expression, Scope, compile_expression, compile_template

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.evaluation.values import Values
    from flowworker.expressions import ExpressionProblem, Names, Template

_KEPT = 20_000
"""Compiled values, the latest used: twice as many as a workflow may have steps."""

_Key = tuple[str, str, str]


class Evaluation:
    """Evaluates what definitions say; one for all runs that a process looks at."""

    def __init__(self, values: Values) -> None:
        """Evaluate with these values."""
        self._values = values
        self._compiled: OrderedDict[_Key, Template | Expression] = OrderedDict()

    async def given(self, plan: Plan, state: RunState, step: str, kind: Kind) -> Any:
        """What `with` gives to attempts of that kind; None if the definition has none.

        Raises: as `template`.
        """
        defined = plan.call(step, kind).with_
        if defined is None:
            return None
        undo = kind is Kind.COMPENSATE
        return await self.template(plan, state, step, f"with of {kind}", defined, own=undo)

    async def template(
        self,
        plan: Plan,
        state: RunState,
        step: str,
        part: str,
        given: Any,
        *,
        own: bool = False,
    ) -> Any:
        """A value with its `${…}` replaced by what they come to for a run.

        Args:
            plan: the definition.
            state: the run.
            step: whose ancestors can be named; empty for all steps.
            part: what of the step this is, so that it is compiled once: `with`, `timeout`, ...
            given: the value, as the definition has it.
            own: the step itself can be named, too.

        Raises:
            ExpressionError: it cannot be evaluated.
            CorruptRecord, Unavailable: as `Values.of`.
        """
        template = self._found(plan, step, part)
        if template is None:
            template = compile_template(given, _scope(plan, step, own=own))
            if isinstance(template, list):
                _, problem = template[0]
                raise _refused(part, problem)
            self._keep(plan, step, part, template)
        return template.evaluate(await self._named(plan, state, step, template.names))

    async def expression(
        self,
        plan: Plan,
        state: RunState,
        step: str,
        part: str,
        text: str,
        extra: Mapping[str, Any] | None = None,
    ) -> Any:
        """What an expression comes to for a run; `extra` are further roots and their values.

        Raises: as `template`.
        """
        extra = extra or {}
        expression = self._found(plan, step, part)
        if expression is None:
            expression = compile_expression(text, _scope(plan, step, extra=extra))
            if isinstance(expression, list):
                raise _refused(part, expression[0])
            self._keep(plan, step, part, expression)
        named = await self._named(plan, state, step, expression.names)
        return expression.evaluate({**named, **extra})

    async def _named(
        self, plan: Plan, state: RunState, step: str, names: Names
    ) -> Mapping[str, Any]:
        """What is named, with the item of an instance."""
        found = await self._values.of(state, names, step)
        index = index_of(step)
        if index is None or names.roots <= found.keys():
            return found
        items = await self._values.items(state, defined_id(step))
        item, number = _item_names(plan, step)
        return {**found, item: items[index], number: index}

    async def truth(
        self,
        plan: Plan,
        state: RunState,
        step: str,
        part: str,
        text: str,
        extra: Mapping[str, Any] | None = None,
    ) -> bool:
        """Whether an expression holds; anything but true or false is an error. As `expression`."""
        value = await self.expression(plan, state, step, part, text, extra)
        if not isinstance(value, bool):
            found = encode(value).decode(errors="replace")
            raise ExpressionError(text, f"expected true or false, found {found:.80}")
        return value

    def _found(self, plan: Plan, step: str, part: str) -> Any:
        key = plan.hash, defined_id(step), part
        found = self._compiled.get(key)
        if found is not None:
            self._compiled.move_to_end(key)
        return found

    def _keep(self, plan: Plan, step: str, part: str, compiled: Template | Expression) -> None:
        self._compiled[plan.hash, defined_id(step), part] = compiled
        if len(self._compiled) > _KEPT:
            self._compiled.popitem(last=False)


class _Nameable(Mapping[str, None]):
    """The steps that can be named: a mapping of thousands is not made for every step."""

    def __init__(self, plan: Plan, steps: int) -> None:
        self._plan = plan
        self._steps = steps

    def __getitem__(self, step: str) -> None:
        if step not in self._plan.steps or not self._steps >> self._plan.position(step) & 1:
            raise KeyError(step)

    def __iter__(self) -> Iterator[str]:
        return (step for step in self._plan.order if step in self)

    def __len__(self) -> int:
        return self._steps.bit_count()


def _scope(
    plan: Plan, step: str, *, own: bool = False, extra: Mapping[str, Any] | None = None
) -> Scope:
    steps = plan.before(step) if step else (1 << len(plan.order)) - 1
    if own:
        steps |= 1 << plan.position(step)
    roots = [*(extra or ()), *(() if index_of(step) is None else _item_names(plan, step))]
    return Scope(steps=_Nameable(plan, steps), extra=dict.fromkeys(roots))


def _item_names(plan: Plan, step: str) -> tuple[str, str]:
    """How an instance's item and its index are named."""
    return plan.loop(step).as_, "index"


def _refused(part: str, problem: ExpressionProblem) -> ExpressionError:
    """A definition that was registered by a release which knew another language."""
    return ExpressionError(part, problem.message, ())

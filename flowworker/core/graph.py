"""The shape of a workflow: topological order, successors, ancestors, leaves.

Computed once per definition; the scheduler then needs O(out-degree) per event.
"""

from __future__ import annotations

__all__ = ["Plan", "find_cycle", "positions", "topological_order"]

from collections import deque
from typing import TYPE_CHECKING, TypeVar

from flowworker.core.call import calls_of
from flowworker.core.ids import defined_id, index_of
from flowworker.core.iteration import as_instance, as_whole
from flowworker.errors import DefinitionError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.core.call import Call
    from flowworker.core.for_each import ForEach
    from flowworker.core.model import Step, Workflow
    from flowworker.core.status import Kind

Known = TypeVar("Known")


def topological_order(depends_on: Mapping[str, Sequence[str]]) -> list[str]:
    """Ids so that each comes after what it depends on; ties in the order given (Kahn).

    Steps on a cycle, or behind one, are missing from the result.
    """
    waiting = {step: len(deps) for step, deps in depends_on.items()}
    successors: dict[str, list[str]] = {step: [] for step in depends_on}
    for step, deps in depends_on.items():
        for dep in deps:
            successors[dep].append(step)
    ready = deque(step for step, count in waiting.items() if count == 0)
    order = []
    while ready:
        step = ready.popleft()
        order.append(step)
        for successor in successors[step]:
            waiting[successor] -= 1
            if waiting[successor] == 0:
                ready.append(successor)
    return order


def find_cycle(depends_on: Mapping[str, Sequence[str]]) -> list[str] | None:
    """One cycle as a path whose first and last id are the same, or None.

    The path follows `depends_on`: each id depends on the next one.
    """
    stuck = set(depends_on).difference(topological_order(depends_on))
    if not stuck:
        return None
    # Every stuck step has a stuck dependency, so this walk must come back to a step it has seen.
    step = next(s for s in depends_on if s in stuck)
    seen: dict[str, int] = {}
    path: list[str] = []
    while step not in seen:
        seen[step] = len(path)
        path.append(step)
        step = next(dep for dep in depends_on[step] if dep in stuck)
    return [*path[seen[step] :], step]


_IN_BYTE = tuple(tuple(at for at in range(8) if byte >> at & 1) for byte in range(256))
"""Where the bits of each byte are that are set."""


def positions(bits: int) -> list[int]:
    """Where the bits are that are set, in order.

    Byte by byte: looked at one by one, those of a graph of thousands of steps cost more than all
    else that is decided.
    """
    raw = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    return [8 * place + at for place, byte in enumerate(raw) if byte for at in _IN_BYTE[byte]]


class _ByStep(dict[str, Known]):
    """What is known of steps, by id; of an instance, what is known of its loop."""

    __slots__ = ()

    def __missing__(self, step: str) -> Known:
        loop = defined_id(step)
        if loop == step:
            raise KeyError(step)
        return self[loop]


class Plan:
    """A workflow with its graph, ready to be executed. Immutable by convention.

    Attributes:
        workflow: the definition.
        hash: its content hash, which runs pin.
        steps: step by id; of a loop, what is said of it as a whole.
        order: ids in topological order, those of `finally` last.
        closing: ids of `finally`, in topological order.
        loops: what is said of those that are loops, by id.
        joins: by what rule, and of how many dependencies, a step is judged that has any, by id.
        successors: ids that depend on the key, in topological order.
        leaves: ids on which nothing depends, in topological order, none of `finally`.
        limited: whether steps fall under limits.
    """

    __slots__ = (
        "_before",
        "_calls",
        "_instances",
        "_position",
        "closing",
        "hash",
        "joins",
        "leaves",
        "limited",
        "loops",
        "order",
        "steps",
        "successors",
        "workflow",
    )

    def __init__(self, workflow: Workflow, content_hash: str) -> None:
        """Compute the graph; raises DefinitionError for one that is not a DAG."""
        self.workflow = workflow
        self.hash = content_hash
        every = (*workflow.steps, *workflow.finally_)
        self.steps: dict[str, Step] = {step.id: as_whole(step) for step in every}
        self._instances = {
            step.id: as_instance(step, step.for_each) for step in every if step.for_each is not None
        }
        self._calls = _ByStep(
            (name, calls_of(self._instances.get(name, step))) for name, step in self.steps.items()
        )
        depends_on = {step.id: step.depends_on for step in every}
        self.joins = {
            step.id: (step.trigger_rule, len(step.depends_on)) for step in every if step.depends_on
        }
        self.loops = {step.id: step.for_each for step in every if step.for_each is not None}
        self.limited = any(map(_is_limited, every))
        self._check(workflow.steps)
        self._check(workflow.finally_)
        first, self.closing = (
            tuple(topological_order({step.id: step.depends_on for step in steps}))
            for steps in (workflow.steps, workflow.finally_)
        )
        self.order = first + self.closing
        successors: dict[str, list[str]] = {step: [] for step in self.order}
        self._position = _ByStep((step, position) for position, step in enumerate(self.order))
        bit = {step: 1 << position for step, position in self._position.items()}
        # Ancestors as bits: ten thousand steps in a row take megabytes, not gigabytes.
        self._before: _ByStep[int] = _ByStep()
        for step in self.order:
            before = 0 if self._position[step] < len(first) else (1 << len(first)) - 1
            for dep in depends_on[step]:
                successors[dep].append(step)
                before |= bit[dep] | self._before[dep]
            self._before[step] = before
        self.successors = {step: tuple(after) for step, after in successors.items()}
        self.leaves = tuple(step for step in first if not self.successors[step])

    def step(self, step: str) -> Step:
        """What is to be done for a step, which may be an instance of a loop."""
        found = self.steps.get(step)
        return self._instances[defined_id(step)] if found is None else found

    def call(self, step: str, kind: Kind) -> Call:
        """What an attempt of a step calls; of an instance, the same as of all of its loop.

        Raises:
            InvalidInput: the step has no attempts of that kind.
        """
        found = self._calls[step].get(kind)
        if found is None:
            raise InvalidInput(f"step {step!r}: its definition has nothing for {kind.value!r}")
        return found

    def knows(self, step: str) -> bool:
        """Whether there is such a step; an index is not looked at."""
        return step in self.steps or (
            index_of(step) is not None and defined_id(step) in self._instances
        )

    def loop(self, step: str) -> ForEach:
        """The loop that a step is, or is an instance of."""
        return self.loops[defined_id(step)]

    def closes(self, step: str) -> bool:
        """Whether it is one of `finally`: all others come before it."""
        if not self.closing:
            return False
        return self._position[step] >= len(self.order) - len(self.closing)

    def before(self, step: str) -> int:
        """The same as `ancestors`, as bits: those of their positions in `order`."""
        return self._before[step]

    def position(self, step: str) -> int:
        """Where a step stands in `order`."""
        return self._position[step]

    def ancestors(self, step: str) -> tuple[str, ...]:
        """Ids that a step depends on, directly or not, in topological order.

        A step of `finally` comes after all that are none.
        """
        return tuple(self.order[position] for position in positions(self.before(step)))

    def _check(self, steps: Sequence[Step]) -> None:
        depends_on = {step.id: step.depends_on for step in steps}
        if not self.workflow.steps:
            raise DefinitionError([f"workflow {self.workflow.name!r} has no steps"])
        if len(self.steps) != len(self.workflow.steps) + len(self.workflow.finally_):
            raise DefinitionError([f"workflow {self.workflow.name!r} has duplicate step ids"])
        unknown = [
            f"step {step!r} depends on unknown step {dep!r}"
            for step, deps in depends_on.items()
            for dep in deps
            if dep not in depends_on
        ]
        if unknown:
            raise DefinitionError(unknown)
        if cycle := find_cycle(depends_on):
            raise DefinitionError([f"deadlock detected in workflow DAG: {' -> '.join(cycle)}"])


def _is_limited(step: Step) -> bool:
    return bool(step.limits or step.concurrency or step.throttle or step.fairness)

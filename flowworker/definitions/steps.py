"""The list of steps of a document."""

from __future__ import annotations

__all__ = ["Steps"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.codec.inputs import RESERVED
from flowworker.core.children import MAX_DEPTH
from flowworker.core.ids import RESERVED_QUEUES
from flowworker.core.model import Step, TriggerRule
from flowworker.definitions.dependencies import IN_GROUPS, Declaration, check_dependencies
from flowworker.definitions.document import (
    CHILD_KEYS,
    MAX_CLOSING,
    MAX_STEPS,
    DefaultsDocument,
    StepDocument,
)
from flowworker.definitions.engine_steps import EngineSteps
from flowworker.definitions.limits import limits_of
from flowworker.definitions.loops import loop_of
from flowworker.definitions.policies import Policies
from flowworker.definitions.repetition import repeat_of
from flowworker.definitions.section import Located, Section, given
from flowworker.definitions.syntax import going_on
from flowworker.definitions.tree import (
    MappingNode,
    ScalarNode,
    SequenceNode,
    described,
    node_at,
    quoted,
)
from flowworker.definitions.values import duration_of, mapping_of, priority_of, queue_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.definitions.problems import Report
    from flowworker.definitions.tree import Mark


class Steps:
    """Reads the steps of one document."""

    def __init__(
        self,
        report: Report,
        known_handlers: Collection[str] | None,
        defaults: dict[str, Any] | None = None,
        depth: int = 0,
    ) -> None:
        """With `known_handlers`, each handler that is not among them is a problem.

        Of a group that is `depth` groups deep, `defaults` are what holds around it.
        """
        self._report = report
        self._known_handlers = known_handlers
        self._depth = depth
        self._policies = Policies(report, known_handlers)
        self._engine_steps = EngineSteps(report)
        self._others: dict[str, Mark] = {}
        self._defaults: dict[str, Any] = defaults or {}

    def read(self, workflow: Section) -> tuple[Step, ...]:
        """All of them but those of `finally`; what is wrong is reported."""
        if workflow.node("steps") is None:
            workflow.missing("steps", "a list of steps")
            return ()
        self._defaults = self._defaults_of(workflow)
        return self._read(workflow)

    def _read(self, holder: Section) -> tuple[Step, ...]:
        """The steps of a workflow, or of a group."""
        steps, declarations = self._list(holder, "steps", 1, MAX_STEPS)
        check_dependencies(declarations, self._report, limits=IN_GROUPS if self._depth else "")
        ends = {step.id for step in steps if step.end is not None}
        for one in declarations:
            for dependency, mark in one.depends_on:
                if dependency in ends:
                    message = f"step {quoted(one.step.text)} depends on {quoted(dependency)}"
                    self._report.add(mark, f"{message}, which ends the run")
        self._others = {one.step.text: one.step.mark for one in reversed(declarations)}
        return steps

    def closing(self, workflow: Section) -> tuple[Step, ...]:
        """Those of `finally`, after all others have been read."""
        steps, declarations = self._list(workflow, "finally", 0, MAX_CLOSING)
        check_dependencies(declarations, self._report, self._others)
        return steps

    def _list(
        self, workflow: Section, key: str, least: int, most: int
    ) -> tuple[tuple[Step, ...], list[Declaration]]:
        steps: list[Step] = []
        declarations: list[Declaration] = []
        node = workflow.node(key)
        if node is None:
            return (), []
        if not isinstance(node, SequenceNode):
            hint = "a step begins with '- id:'" if isinstance(node, MappingNode) else ""
            workflow.wrong(key, node, "a list of steps", hint)
            return (), []
        if not least <= len(node.items) <= most:
            whole = "a group" if self._depth else "a workflow"
            holder = whole if key == "steps" else f"{quoted(key)} of a workflow"
            message = f"{holder} has {least} to {most:,} steps, found {len(node.items):,}"
            self._report.add(node.mark, message)
            return (), []
        for number, item in enumerate(node.items, 1):
            if not isinstance(item, MappingNode):
                message = f"step {number}: expected a mapping, found {described(item)}"
                self._report.add(item.mark, message, going_on(item, self._report.lines))
                continue
            step, declaration = self._step(item, number)
            if key == "finally" and step.saga is not None:
                message = f"{quoted('saga')} of {quoted(step.id)} in {quoted(key)}"
                place = node_at(item, ["saga"])
                self._report.add(place.mark, f"{message}: nothing is undone after it")
            if key == "finally" and step.end is not None:
                message = f"{quoted('end')} of {quoted(step.id)} in {quoted(key)}"
                place = node_at(item, ["end"])
                self._report.add(place.mark, f"{message}: the run ends after it in any case")
            steps.append(step)
            if step.id:
                declarations.append(declaration)
        return tuple(steps), declarations

    def _step(self, node: MappingNode, number: int) -> tuple[Step, Declaration]:
        id_node = node_at(node, ["id"])
        title = quoted(id_node.text) if isinstance(id_node, ScalarNode) else str(number)
        section = Section(node, StepDocument, f"step {title}", self._report)
        section.text("name")
        depends_on = section.names("depends_on")
        key = self._engine_steps.key_of(section)
        has_handler, has_child = not key, key in CHILD_KEYS
        stated = given(
            **(self._usual(section) if has_handler or has_child else {}),
            fallback=self._policies.fallback(section),
            escalation=self._policies.escalation(section),
            saga=self._policies.saga(section),
            priority=priority_of(section, "priority"),
            when=section.text("when"),
            trigger_rule=section.choice("trigger_rule", TriggerRule),
            continue_on_error=section.flag("continue_on_error"),
            for_each=loop_of(section, self._report),
            repeat=repeat_of(section),
            **limits_of(section, self._report, has_handler=has_handler),
            **self._engine_steps.read(section),
            steps=self._group(section) if key == "steps" else None,
        )
        step = Step(
            id=section.required_name("id"),
            uses=self._policies.handler(section) if has_handler else "",
            depends_on=tuple(name for name, _ in depends_on),
        )
        if step.id in RESERVED:
            message = f"{section.title}: its id is a key of every step's input"
            self._report.add(section.mark_of("id"), message, "choose another id")
        declaration = Declaration(Located(step.id, section.mark_of("id")), depends_on)
        if has_handler:
            stated = self._completed(stated)
        elif "fallback" in stated or "saga" in stated:
            stated = {**_chosen(self._defaults, "queue"), **stated}
        return replace(step, **stated), declaration

    def _group(self, step: Section) -> tuple[Step, ...] | None:
        """The steps inside a step, in which the defaults hold that do not depend on values."""
        if self._depth >= MAX_DEPTH:
            message = f"{step.title}: a group is at most {MAX_DEPTH} groups deep"
            self._report.add(step.mark_of("steps"), message, "make it a workflow of its own")
            return None
        kept = _chosen(self._defaults, "queue", "retry", "timeout")
        inner = Steps(self._report, self._known_handlers, kept, self._depth + 1)
        return inner.of_group(step)

    def of_group(self, step: Section) -> tuple[Step, ...]:
        """The steps of a group; what is wrong is reported."""
        return self._read(step)

    def _completed(self, stated: dict[str, Any]) -> dict[str, Any]:
        """What a step states, with what the defaults say of the rest, and of its `with`."""
        completed = {**self._defaults, **stated}
        if "with_" in completed:
            completed["with_"] = {**self._defaults.get("with_", {}), **completed["with_"]}
        return completed

    def _defaults_of(self, workflow: Section) -> dict[str, Any]:
        """What holds for steps with a handler that do not say otherwise."""
        section = workflow.section("defaults", DefaultsDocument)
        return {} if section is None else self._usual(section)

    def _usual(self, section: Section) -> dict[str, Any]:
        """What a step may say itself, or leave to the defaults of its workflow."""
        queue = queue_of(section)
        if queue in RESERVED_QUEUES:
            message = f"{section.title}: queue {quoted(queue)} is no queue of workers"
            self._report.add(section.mark_of("queue"), message, "choose another name")
        return given(
            queue=queue,
            timeout=duration_of(section, "timeout"),
            retry=self._policies.retry(section),
            with_=mapping_of(section, "with"),
        )


def _chosen(defaults: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Those of the defaults that name no value: in a group, `input` is another."""
    chosen = {key: defaults[key] for key in keys if key in defaults}
    if isinstance(chosen.get("timeout"), str):
        del chosen["timeout"]
    rules = chosen.get("retry", ())
    rules = rules if isinstance(rules, tuple) else (rules,)
    if any(isinstance(rule.interval, str) for rule in rules):
        del chosen["retry"]
    return chosen

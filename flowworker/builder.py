"""Workflows in Python: handlers are given as functions, and steps as what `step` returned.

What is built is what a file would say: the keys are those of a file, and it is read as one. So
there is one model, one set of checks, and one content hash.
"""

from __future__ import annotations

__all__ = ["Reference", "StepReference", "WorkflowBuilder"]

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from flowworker.codec.json import encode
from flowworker.definitions import parse
from flowworker.definitions.writing import to_yaml
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.core.model import Workflow
    from flowworker.handlers import App

Duration: TypeAlias = "float | str | timedelta"
HandlerLike: TypeAlias = "Callable[..., Any] | str"
Policy: TypeAlias = "Mapping[str, Any]"


class StepKeys(TypedDict, total=False):
    """What a step may have beside its handler: the keys of a file, `with_` for `with`."""

    with_: Mapping[str, Any]
    when: str
    trigger_rule: str
    retry: int | Policy | Sequence[Policy]
    timeout: Duration
    fallback: HandlerLike | Policy
    escalation: str | Policy
    saga: HandlerLike | Policy
    continue_on_error: bool
    for_each: Policy
    repeat: Policy
    queue: str
    priority: str
    limits: str | Sequence[str]
    concurrency: Sequence[Policy]
    throttle: Policy
    fairness: Policy


class ScheduleKeys(TypedDict, total=False):
    """What a schedule may say beside its id: the keys of a file."""

    cron: str
    every: Duration
    timezone: str
    start_at: datetime | str
    end_at: datetime | str
    jitter: Duration
    overlap: str
    catchup_window: Duration
    pause_on_failure: bool
    max_runs: int
    priority: str
    input: Mapping[str, Any]
    labels: Mapping[str, Any]


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Reference:
    """A value that is there when the run is: `charge.output.id` is `${steps.charge.output.id}`.

    Attributes and items are those of the value. Within a text it is written as in a file, so that
    f-strings work.
    """

    def __init__(self, expression: str) -> None:
        """Refer to what an expression gives."""
        self._expression = expression

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, key: str | int) -> Reference:
        plain = isinstance(key, str) and _NAME.fullmatch(key)
        return Reference(f"{self._expression}{f'.{key}' if plain else f'[{json.dumps(key)}]'}")

    def __str__(self) -> str:
        return f"${{{self._expression}}}"

    __repr__ = __str__


class StepReference:
    """A step that was added: a dependency of others, and what it came to.

    Attributes:
        id: of the step.
        output: what it puts out.
        status, error: how it ended.
        iterations: how often it was run, if it is repeated.
    """

    def __init__(self, step: str) -> None:
        """Refer to the step with that id."""
        self.id = step
        itself = Reference("steps")[step]
        self.output = itself["output"]
        self.status = itself["status"]
        self.error = itself["error"]
        self.iterations = itself["iterations"]


class WorkflowBuilder:
    """Collects the steps of a workflow.

    ```python
    flow = WorkflowBuilder("order.fulfil", app, version="v1")
    reserved = flow.step(reserve, saga=release)
    flow.step(charge, depends_on=[reserved], with_={"id": reserved.output.id}, retry=5)
    order = flow.build()
    ```

    Attributes:
        input: the run's input, to refer to.
        run: the run's own data.
        occasion: in the input and the labels of a schedule, its `id` and the `time` that begins
            the run.
    """

    def __init__(self, name: str, app: App | None = None, **keys: Any) -> None:
        """Begin without steps.

        Args:
            name: of the workflow.
            app: where the handlers that are given as functions are registered.
            keys: as in a file: `version`, `timeout`, `input_schema`, `output`, ...
        """
        self.input = Reference("input")
        self.run = Reference("run")
        self.occasion = Reference("schedule")
        self._app = app
        self._keys = {"name": name, **keys}
        self._steps: list[dict[str, Any]] = []
        self._finally: list[dict[str, Any]] = []
        self._labels: dict[str, Any] = {}
        self._schedules: list[dict[str, Any]] = []

    def step(
        self,
        uses: HandlerLike,
        *,
        id: str = "",
        depends_on: Sequence[StepReference | str] = (),
        **keys: Unpack[StepKeys],
    ) -> StepReference:
        """Add a step that calls a handler. Arguments mean what the keys of a file mean.

        Args:
            uses: the handler, as a function or by its name.
            id: of the step; the name of the function if it is left out.
            depends_on: steps that were added, or their ids.
            keys: `with_`, `when`, `retry`, ...

        Raises:
            InvalidInput: a function is no handler of the app, or no id can be made of a name.
        """
        if not id and isinstance(uses, str):
            raise InvalidInput(f"step: give an id with a handler that is named ({uses!r})")
        after = [*depends_on] or None
        return self.add(id or str(uses.__name__), uses=uses, depends_on=after, **keys)  # type: ignore[union-attr]

    def add(self, step: str, *, finally_: bool = False, **keys: Any) -> StepReference:
        """Add a step by any keys that a file may have; one that is None is left out.

        With `finally_` it runs when all else is over. A trailing `_` is dropped: `with_` is `with`.
        """
        given = {name.rstrip("_"): self._plain(value) for name, value in keys.items()}
        stated = {name: value for name, value in given.items() if value is not None}
        (self._finally if finally_ else self._steps).append({"id": step, **stated})
        return StepReference(step)

    def call(
        self,
        workflow: str | Workflow,
        *,
        id: str,
        depends_on: Sequence[StepReference | str] = (),
        **keys: Unpack[StepKeys],
    ) -> StepReference:
        """Add a step that is a run of another workflow, with `with_` as its input."""
        name = workflow if isinstance(workflow, str) else workflow.name
        return self.add(id, workflow=name, depends_on=[*depends_on] or None, **keys)

    def group(
        self,
        steps: WorkflowBuilder,
        *,
        id: str,
        depends_on: Sequence[StepReference | str] = (),
        **keys: Unpack[StepKeys],
    ) -> StepReference:
        """Add a step that is a run of the steps of another builder, with `with_` as their input.

        Of what that builder was given, its `output` alone counts.
        """
        inner: dict[str, Any] = {"steps": steps._steps, "output": steps._keys.get("output")}
        return self.add(id, depends_on=[*depends_on] or None, **inner, **keys)

    def label(self, name: str, value: str | Reference) -> None:
        """Have runs found by a label; the value may refer to the input."""
        self._labels[name] = value

    def schedule(self, schedule: str, **keys: Unpack[ScheduleKeys]) -> None:
        """Have runs begin by themselves: `cron` or `every`, and what else a file may say of it.

        ```python
        flow.schedule("nightly", cron="30 2 * * *", input={"until": flow.occasion.time})
        ```
        """
        self._schedules.append({"id": schedule, **keys})

    def build(self) -> Workflow:
        """The workflow, checked as a file is.

        Raises:
            DefinitionError: it is not valid.
        """
        document = {name.rstrip("_"): self._plain(value) for name, value in self._keys.items()}
        document["steps"] = self._steps
        for key, added in (("labels", self._labels), ("schedules", self._schedules)):
            if added:
                document[key] = self._plain(self._added(document.get(key), added))
        if self._finally:
            document["finally"] = self._finally
        return parse(encode(document), source=f"WorkflowBuilder({self._keys['name']!r})")

    @staticmethod
    def _added(stated: Any, added: Any) -> Any:
        """What was added one by one, behind what the builder was given."""
        if not stated:
            return added
        return {**stated, **added} if isinstance(added, dict) else [*stated, *added]

    def to_yaml(self) -> str:
        """The text of a file with the same workflow, of the same content hash."""
        return to_yaml(self.build())

    def _plain(self, value: Any) -> Any:
        """The same as a file would say it."""
        match value:
            case Reference():
                return str(value)
            case StepReference():
                return value.id
            case timedelta():
                return value.total_seconds()
            case datetime():
                return value.isoformat()
            case Mapping():
                return {key: self._plain(item) for key, item in value.items()}
            case list() | tuple():
                return [self._plain(item) for item in value]
            case _ if callable(value):
                return self._named(value)
            case _:
                return value

    def _named(self, function: Callable[..., Any]) -> str:
        handlers = {} if self._app is None else self._app.handlers
        for name, handler in handlers.items():
            if handler.function is function:
                return name
        shown = getattr(function, "__qualname__", repr(function))
        raise InvalidInput(f"{shown} is no handler of the app: register it by `@app.step(name)`")

"""`Client`: everything that somebody outside of the fleet may want of it."""

from __future__ import annotations

__all__ = ["Client"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.client.accepted import NotBegun
from flowworker.client.results import Results
from flowworker.client.starting import (
    check_chosen_id,
    check_dotted_name,
    check_run_id,
    encode_input,
    new_run_id,
)
from flowworker.client.views import Views, no_such_run
from flowworker.client.watching import decode, watch_all, watch_run
from flowworker.clock import SystemClock
from flowworker.codec.json import encode
from flowworker.codec.messages import (
    FLOW_INPUT,
    FLOW_PRIORITY,
    FLOW_REPLY,
    MSG_ID,
    STORED,
    ControlCommand,
)
from flowworker.codec.values import encode_value
from flowworker.core.status import TERMINAL, HumanAction, Priority
from flowworker.errors import InvalidInput, RunIdTaken
from flowworker.stores.payloads import input_digest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from flowworker.client.results import RunResult
    from flowworker.client.views import RunSummary, RunView
    from flowworker.clock import Clock
    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord
    from flowworker.core.status import RunStatus
    from flowworker.stores.stores import Stores

History = list[dict[str, Any]]

_APPEARS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0)
"""Pauses while the record of a run that was just started is awaited."""


class Client:
    """The remote control of a fleet. It may serve any number of tasks at the same time.

    Every method raises Unavailable if the outside cannot be reached in time. `flowworker.connect`
    makes a client and the connection that it needs.
    """

    def __init__(self, stores: Stores, clock: Clock | None = None) -> None:
        """Speak to the fleet of that backend."""
        self._stores = stores
        self._backend = stores.backend
        self._clock = clock or SystemClock()
        self._payloads = stores.payloads
        self._payload_limit = stores.settings.payload_limit
        self._definitions = stores.definitions
        self._views = Views(stores, self._clock)
        self._results = Results(stores, self._clock, self._views)

    # Definitions

    async def register(self, workflow: Workflow) -> str:
        """Make a definition what its name stands for; its content hash. Runs keep theirs."""
        return await self._definitions.register(workflow)

    async def register_all(self, workflows: Iterable[Workflow]) -> list[str]:
        """The same for several: their content hashes. All are registered, or none."""
        return await self._definitions.register_all(workflows)

    async def definition(self, workflow: str) -> Workflow:
        """What a name stands for at this moment, or WorkflowNotFound."""
        name = check_dotted_name("a workflow name", workflow)
        return (await self._definitions.latest(name)).workflow

    async def definitions(self) -> list[str]:
        """Names of all registered workflows, sorted."""
        return await self._definitions.names()

    # Runs

    async def start(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        priority: Priority | str | None = None,
    ) -> str:
        """Start a run and return its id as soon as the start is durable.

        Args:
            workflow: name of a registered workflow.
            input: a mapping, dataclass, Struct or pydantic model that is a JSON object; None
                for `{}`.
            run_id: also the idempotency key: starting twice with one id gives one run. Without
                it an id is generated that sorts by time.
            priority: lane of the run's steps, instead of the definition's.

        Raises:
            InvalidInput: an argument is not what was expected. An input that does not satisfy
                the workflow's `input_schema`, or an unknown workflow, is found out later and
                raised by `result`.
            PayloadTooLarge: the input exceeds `payload_limit`.
            RunIdTaken: a run of that id exists with another workflow or input. If it was started
                at the same moment, `result` raises it.
        """
        run, body, headers = self._start_message(workflow, input, run_id, priority)
        digest = b"" if run_id is None else await self._check_same(workflow, run, body)
        await self._send_start(workflow, run, body, headers, digest)
        return run

    async def _check_same(self, workflow: str, run: str, body: bytes) -> bytes:
        """An id that is taken gives the run that exists, which should be what was asked for."""
        digest = input_digest(body)
        record = await self._views.record(run)
        if record is None:
            return digest
        if record.workflow != workflow:
            raise RunIdTaken(
                f"run id {run} is taken by a run of {record.workflow}; choose another id"
            )
        await self._results.compare(record, digest)
        return digest

    def _start_message(
        self, workflow: str, value: Any, run_id: str | None, priority: Priority | str | None
    ) -> tuple[str, bytes, dict[str, str]]:
        check_dotted_name("a workflow name", workflow)
        run = new_run_id(self._clock.now()) if run_id is None else check_chosen_id(run_id)
        headers = {MSG_ID: run}
        if priority is not None:
            headers[FLOW_PRIORITY] = _one_of(Priority, priority, "a priority")
        return run, encode_input(value, self._payload_limit), headers

    async def _send_start(
        self, workflow: str, run: str, body: bytes, headers: dict[str, str], digest: bytes = b""
    ) -> None:
        if reply_to := await self._results.reply_to(run):
            headers[FLOW_REPLY] = reply_to
        if len(body) > self._backend.max_body:
            headers[FLOW_INPUT] = STORED
            body = encode(await self._payloads.upload(run, body))
        sequence = await self._backend.commands.send(f"start.{workflow}", body, headers)
        self._results.started(run, sequence, digest)

    async def result(self, run_id: str, timeout: float | None = None) -> RunResult:
        """Wait for the end of a run, however it ends.

        Raises:
            ResultTimeout: it did not end within `timeout` seconds; it goes on.
            RunNotFound: no such run exists.
            InvalidInput: its start was rejected (WorkflowNotFound: for want of the workflow).
        """
        return await self._results.wait(check_run_id(run_id), timeout)

    async def run(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        priority: Priority | str | None = None,
        timeout: float | None = None,
    ) -> RunResult:
        """Start a run and wait for its end: `start` and `result` in one."""
        run, body, headers = self._start_message(workflow, input, run_id, priority)
        if run_id is not None:
            digest = await self._check_same(workflow, run, body)
            await self._send_start(workflow, run, body, headers, digest)
            return await self._results.wait(run, timeout)
        async with self._results.listen(run) as waiter:  # nobody else has this id
            await self._send_start(workflow, run, body, headers)
            return await self._results.wait_with(waiter, run, timeout, fresh=True)

    async def status(self, run_id: str) -> RunView:
        """A run and its steps as they are now, or RunNotFound.

        One whose start was accepted and waits for a coordinator is PENDING, and has no steps yet.
        """
        try:
            await self._record(run_id)
        except NotBegun as accepted:
            return accepted.view
        return await self._views.run(run_id)

    async def list(
        self,
        status: RunStatus | None = None,
        workflow: str | None = None,
        limit: int = 100,
    ) -> list[RunSummary]:
        """Runs with that status and of that workflow, the newest of the generated ids first."""
        if workflow is not None:
            check_dotted_name("a workflow name", workflow)
        return await self._views.list(status, workflow, limit)

    async def history(self, run_id: str) -> History:
        """All events of a run as CloudEvents, oldest first, or RunNotFound."""
        raw = await self._backend.events.history(check_run_id(run_id))
        if not raw:
            await self._record(run_id)
        return [event for event in map(decode, raw) if event is not None]

    async def watch(self, run_id: str | None = None) -> AsyncGenerator[dict[str, Any], None]:
        """Events as they happen, as CloudEvents.

        Of one run all that happened and will happen, each event once, until its last one. Of all
        runs what happens from now on; what comes faster than it is read may be dropped.

        Raises:
            RunNotFound: no such run exists.
        """
        if run_id is None:
            async for event in watch_all(self._backend):
                yield event
            return
        if not await self._backend.events.history(check_run_id(run_id)):
            await self._record(run_id)
        async for event in watch_run(self._stores, self._clock, run_id):
            yield event

    # Control

    async def cancel(self, run_id: str, reason: str = "") -> None:
        """Ask a run to stop: what was completed is compensated, then it is CANCELLED.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it is over already.
        """
        await self._active(run_id)
        await self._control("cancel", run_id, ControlCommand(reason=reason))

    async def terminate(self, run_id: str, reason: str = "") -> None:
        """Ask a run to stop at once, without compensation. Raises as `cancel`."""
        await self._active(run_id)
        await self._control("terminate", run_id, ControlCommand(reason=reason))

    async def resume(
        self,
        run_id: str,
        action: HumanAction | str,
        step: str = "",
        output: Any = None,
    ) -> None:
        """Answer a step that waits for a human.

        Args:
            run_id: whose step.
            action: `retry` (its whole policy again), `cancel` (it fails), `skip`, or `complete`.
            step: which step; may be left out if only one waits.
            output: for `complete`, a JSON value that becomes the step's output.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it is over, or no such step waits.
            PayloadTooLarge: the output exceeds `payload_limit`.
        """
        answer = _one_of(HumanAction, action, "an action")
        if output is not None and answer is not HumanAction.COMPLETE:
            raise InvalidInput(f"an output goes with the action complete, not with {answer}")
        await self._active(run_id)
        _check_waits(await self._views.run(run_id), step)
        command = ControlCommand(action=answer, step=step, output=output)
        await self._control("resume", run_id, command)

    async def _control(self, action: str, run: str, command: ControlCommand) -> None:
        try:
            output = encode_value(command.output)
            body = encode(command)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"the output cannot be written as JSON: {error}") from error
        if len(body) > self._backend.max_body:
            stored = await self._payloads.upload(run, output)
            body = encode(replace(command, output=None, stored=stored))
        await self._backend.commands.send(f"control.{action}.{run}", body, {})

    async def _active(self, run_id: str) -> None:
        record = await self._record(run_id)
        if record.status in TERMINAL:
            raise InvalidInput(f"run {run_id} is over already: it is {record.status}")

    async def _record(self, run_id: str) -> RunRecord:
        """The record of a run; that of one started here may be on its way."""
        check_run_id(run_id)
        for pause in (*_APPEARS, 0.0):
            if (record := await self._results.look(run_id)) is not None:
                return record
            if not self._results.is_expected(run_id):
                break
            await self._clock.sleep(pause)
        if (accepted := await self._results.accepted(run_id)) is not None:
            raise NotBegun(accepted)
        if (record := await self._results.look(run_id)) is not None:
            return record  # taken in between the two looks
        raise no_such_run(run_id)

    def close(self) -> None:
        """Listen to nothing any more; the backend stays open."""
        self._results.close()


def _check_waits(run: RunView, step: str) -> None:
    waiting = run.waiting
    named = ", ".join(waiting)
    if not waiting:
        raise InvalidInput(
            f"no step of run {run.id} waits for a human: it is {run.status}; "
            "only a run that is WAITING_HUMAN can be resumed"
        )
    if step and step not in waiting:
        raise InvalidInput(f"step {step!r} of run {run.id} does not wait for a human; {named} does")
    if not step and len(waiting) > 1:
        raise InvalidInput(f"several steps of run {run.id} wait, say which one: {named}")


def _one_of(enum: Any, value: Any, what: str) -> Any:
    try:
        return enum(value)
    except ValueError:
        raise InvalidInput(f"expected {what}: {', '.join(enum)}; found {value!r:.80}") from None

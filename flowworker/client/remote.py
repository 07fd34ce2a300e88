"""`Client`: starts runs, reads them, waits for them and controls them."""

from __future__ import annotations

__all__ = ["Client"]

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowworker.client.acting import Acting
from flowworker.client.answers import Answers
from flowworker.client.commands import Commands
from flowworker.client.limits import Limiting
from flowworker.client.once import Once
from flowworker.client.pausing import Pausing
from flowworker.client.reading import Reading
from flowworker.client.registering import Registering
from flowworker.client.reruns import Reruns, rerun_id
from flowworker.client.scheduling import Scheduling
from flowworker.client.starting import (
    check_run_id,
    delay_headers,
    label_headers,
    rerun_command,
    start_command,
)
from flowworker.client.waiting import Waiting
from flowworker.clock import SystemClock
from flowworker.codec.messages import MSG_ID
from flowworker.core.records import Rerun
from flowworker.telemetry.exporting import current_trace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flowworker.client.reruns import RerunView
    from flowworker.client.results import RunResult
    from flowworker.client.starting import StartCommand
    from flowworker.clock import Clock
    from flowworker.core.status import Priority
    from flowworker.stores.stores import Stores


class Client(Registering, Acting, Pausing, Limiting, Scheduling, Reading):
    """The remote control of a fleet. It may serve any number of tasks at the same time.

    Every method raises Unavailable if the server does not answer in time. `flowworker.connect`
    makes a client and the connection that it needs.
    """

    def __init__(self, stores: Stores, clock: Clock | None = None) -> None:
        """Speak to the fleet of that backend."""
        super().__init__(stores, clock or SystemClock())
        self._reruns = Reruns(stores, self._clock, self._lookup)
        self._commands = Commands(stores)
        self._answers = Answers(self._lookup, self._views)
        self._once = Once(
            self._lookup,
            self._commands,
            self._answers,
            self._reruns,
            stores.signals,
            self.rerun,
            stores.settings.payload_limit,
        )
        self._waiting = Waiting(stores, self._clock, self._views, self._lookup)

    # Runs

    async def start(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        priority: Priority | str | None = None,
        at: datetime | str | None = None,
        delay: float | str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Start a run and return its id as soon as the start is durable.

        Args:
            workflow: name of a registered workflow.
            input: a mapping, dataclass, Struct or pydantic model that is a JSON object; None
                for `{}`.
            run_id: also the idempotency key: starting twice with one id gives one run. Without
                it an id is generated that sorts by time.
            priority: lane of the run's steps, instead of the definition's.
            at: the moment at which the run begins: a datetime with a time zone, or RFC 3339. Until
                then it is PENDING, and can be cancelled.
            delay: instead: after how long it begins, in seconds or as `1h30m`.
            labels: names and values by which it is found (`find`), at most 16. They are in events
                and lists for all to see.

        Raises:
            InvalidInput: an argument is not what was expected. An input that does not satisfy
                the workflow's `input_schema`, or an unknown workflow, is found out later and
                raised by `result`.
            PayloadTooLarge: the input exceeds `payload_limit`.
            RunIdTaken: a run of that id exists with another workflow or input. If it was started
                at the same moment, `result` raises it.
        """
        headers = {**delay_headers(at, delay), **label_headers(labels)}
        start = await self._prepare(workflow, input, run_id, priority)
        start.headers.update(headers)
        await self._send(start)
        return start.run

    async def _prepare(
        self, workflow: str, value: Any, run_id: str | None, priority: Priority | str | None
    ) -> StartCommand:
        limit = self._stores.settings.payload_limit
        now = self._clock.now()
        start = start_command(workflow, value, run_id, priority, now=now, limit=limit)
        start.headers.update(current_trace())
        if run_id is not None:
            start = await self._lookup.check_free(start)
        return start

    async def _send(self, start: StartCommand) -> None:
        sequence = await self._commands.start(start, await self._waiting.reply_to(start.run))
        self._lookup.started(start.run, sequence, start.digest)

    async def plan_rerun(
        self, run_id: str, *, from_step: str = "", failed: bool = False, latest: bool = False
    ) -> RerunView:
        """What `rerun` would do with the same arguments, and why; nothing happens.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has not ended.
        """
        return await self._reruns.plan(run_id, Rerun(from_step, failed, latest))

    async def rerun(
        self,
        run_id: str,
        *,
        from_step: str = "",
        failed: bool = False,
        latest: bool = False,
        input: Any = None,
        new_id: str | None = None,
    ) -> str:
        """Start a new run that goes on from what an ended one has completed; its id.

        Without `from_step` and `failed` all steps run again. What is kept counts as completed, with
        its output, and is not executed again; what was compensated is.

        Args:
            run_id: the run that has ended.
            from_step: do that step again, and what is behind it.
            failed: do again what was not completed, and what is behind that.
            latest: by the definition that the workflow's name stands for now.
            input: instead of the run's; what is kept has not seen it.
            new_id: id of the new run, and idempotency key, as for `start`. Without it the first
                rerun of a kind has an id by which `act_on` finds it, and any other a generated one.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has not ended, or an argument is not what was expected. What does not
                fit the definition is found out later and raised by `result`, or now by
                `plan_rerun`.
            PayloadTooLarge: the input exceeds `payload_limit`.
            RunIdTaken: there is a run of that id, and it is not this very rerun.
        """
        record = await self._reruns.ended(run_id)
        wanted = Rerun(from_step, failed, latest)
        command = self._reruns.command(wanted)
        limit, now = self._stores.settings.payload_limit, self._clock.now()
        start = rerun_command(record.workflow, input, new_id, now=now, limit=limit)
        if new_id is not None:
            await self._lookup.check_same(start, run_id, wanted)
        else:
            first = rerun_id(run_id, wanted, start.body)
            if not await self._reruns.is_there(first):
                start = replace(start, run=first, headers={**start.headers, MSG_ID: first})
        start.headers.update(current_trace())
        reply_to = await self._waiting.reply_to(start.run)
        sequence = await self._commands.rerun(run_id, start, command, reply_to)
        self._lookup.started(start.run, sequence, start.digest)
        return start.run

    async def retry(self, run_id: str, *, new_id: str | None = None) -> str:
        """Do again what a run has not completed: `rerun` with `failed`."""
        return await self.rerun(run_id, failed=True, new_id=new_id)

    async def result(self, run_id: str, timeout: float | None = None) -> RunResult:
        """Wait for the end of a run, however it ends.

        Raises:
            ResultTimeout: it did not end within `timeout` seconds; it goes on.
            RunNotFound: no such run exists.
            InvalidInput: its start was rejected (WorkflowNotFound: for want of the workflow).
        """
        return await self._waiting.wait(check_run_id(run_id), timeout)

    async def run(
        self,
        workflow: str,
        input: Any = None,
        *,
        run_id: str | None = None,
        priority: Priority | str | None = None,
        timeout: float | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> RunResult:
        """Start a run and wait for its end: `start` and `result` in one."""
        headers = label_headers(labels)
        start = await self._prepare(workflow, input, run_id, priority)
        start.headers.update(headers)
        if run_id is not None:
            await self._send(start)
            return await self._waiting.wait(start.run, timeout)
        async with self._waiting.listen(start.run) as waiter:  # the id is new
            await self._send(start)
            return await self._waiting.wait_with(waiter, start.run, timeout, fresh=True)

    def close(self) -> None:
        """Listen to nothing any more; the backend stays open."""
        self._waiting.close()

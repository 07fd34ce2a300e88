"""Control messages -> events of their runs, in which the run's scheduler finds them."""

from __future__ import annotations

__all__ = ["Controls"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.cloudevents import EventData, about
from flowworker.codec.json import UNREADABLE, encode, is_json
from flowworker.codec.messages import CONTROL_ACTIONS, decode_control
from flowworker.coordinator.commands.addressing import actor_of, find_run, publish_to_run
from flowworker.coordinator.commands.approvals import Approvals
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.uploads import Gone, check_upload, load_upload, open_sealed
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR, RUN_ID, step_of
from flowworker.core.records import shortened
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import APPROVALS, HumanAction
from flowworker.errors import InvalidInput
from flowworker.stores.sealing import ANSWER

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.messages import ControlCommand
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores

_ANSWER = 256
"""Bytes up to which an answer's output stands in the run's record, beside all others."""

_STEERING = {"pause": EventType.PAUSED, "unpause": EventType.UNPAUSED}


class Controls:
    """Takes `control.<action>.<run>` in."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Publish to the backend's event log."""
        self._stores = stores
        self._backend = stores.backend
        self._runs = stores.runs
        self._payloads = stores.payloads
        self._secrets = stores.secrets
        self._clock = clock
        self._approvals = Approvals(stores, clock)

    async def take(self, rest: str, delivery: Delivery) -> None:
        """One message; `rest` is its subject after `control.`.

        Raises:
            Rejected: it cannot be followed.
            NotYet: its run may be on its way.
            Unavailable: it is to be tried again.
        """
        action, _, run = rest.partition(".")
        if action not in CONTROL_ACTIONS or not RUN_ID.fullmatch(run):
            actions = ", ".join(CONTROL_ACTIONS)
            raise Rejected(f"control.{rest}: expected control.<{actions}>.<run id>")
        command = _decode(action, delivery.data)
        what, now = f"control.{action}", self._clock.now()
        found = await find_run(self._runs, run, what, delivery, now)
        record = found[0]
        data = EventData(id=run, name=record.workflow, version=record.version, at=now)
        if action in APPROVALS:
            kind = EventType.HUMAN_DECIDED
            data = await self._answer(action, found, data, command, delivery)
        elif action == "resume":
            _check_room(record, self._backend.max_body)
            kind = EventType.HUMAN_DECIDED
            data = await self._decision(record, data, command, delivery)
        elif action in _STEERING:
            kind = _STEERING[action]
            # The order in which they were sent is the one that counts.
            said = {"reason": await self._said(record, command), "actor": actor_of(delivery)}
            data = replace(data, at=delivery.time, **said)
        else:
            kind = EventType.CANCEL_REQUESTED
            reason = await self._said(record, command)
            data = replace(data, reason=reason, terminate=action == "terminate")
        await publish_to_run(self._backend, record, what, kind, data, str(delivery.sequence))

    async def _answer(
        self,
        action: str,
        found: tuple[RunRecord, int],
        data: EventData,
        command: ControlCommand,
        delivery: Delivery,
    ) -> EventData:
        """That to an approval, which may be followed."""
        step, asked = await self._approvals.asked(action, *found, step_of(command.step))
        payload = None
        if action == HumanAction.APPROVE:
            output = await self._approvals.output(
                step, asked, await self._given(data.id, command, delivery)
            )
            payload = await self._pack(found[0], delivery, output)
        actor = actor_of(delivery)
        reason = await self._said(found[0], command)
        answer = HumanAction(action)
        return replace(
            data, action=answer, **about(step), output=payload, reason=reason, actor=actor
        )

    async def _said(self, record: RunRecord, command: ControlCommand) -> str:
        """The reason that was given, for all to see."""
        return shortened(await self._secrets.hide(record, command.reason))

    async def _decision(
        self, record: RunRecord, data: EventData, command: ControlCommand, delivery: Delivery
    ) -> EventData:
        payload = None
        if command.action is HumanAction.COMPLETE:
            output = await self._given(data.id, command, delivery)
            payload = await self._pack(record, delivery, output)
        step = about(step_of(command.step))
        return replace(data, action=command.action, **step, output=payload)

    async def _given(self, run: str, command: ControlCommand, delivery: Delivery) -> bytes:
        try:
            return await self._output(run, command)
        except Gone as gone:
            if may_be_unseen(delivery.time, self._clock.now()):
                raise NotYet from gone
            raise

    async def _pack(self, record: RunRecord, delivery: Delivery, output: bytes) -> Payload:
        name = f"resume.{delivery.sequence}"
        try:
            return await self._payloads.pack(
                record.run,
                COORDINATOR,
                name,
                output,
                place=ANSWER,
                inline_limit=_ANSWER,
                private=record.secrets is not None,
            )
        except InvalidInput as error:
            raise Rejected(str(error)) from error

    async def _output(self, run: str, command: ControlCommand) -> bytes:
        """An upload stays until it ends by itself, or its run does: the message may come again."""
        if command.sealed is not None:
            output, what = (
                await open_sealed(self._payloads, command.sealed, run, ANSWER),
                "`sealed`",
            )
        elif command.stored is not None:
            stored = check_upload(run, command.stored)
            output, what = await load_upload(self._stores, stored, run, ANSWER), stored.key
        else:
            return encode(command.output)
        if not is_json(output):
            raise Rejected(f"control.resume: payload {what} is not JSON")
        return output


def _check_room(record: RunRecord, max_body: int) -> None:
    """Refuse an answer to a run whose record is half full of answers.

    The other half is for those that are on their way, and for the run's end.
    """
    size = len(encode(record))
    if size > max_body // 2:
        answers = sum(map(len, record.decisions.values()))
        raise Rejected(
            f"control.resume: run {record.run!r} has {answers:,} answers in a record of {size:,} "
            f"bytes, of {max_body // 2:,} that it may have; cancel the run, and start others with "
            "fewer questions each"
        )


def _decode(action: str, body: bytes) -> ControlCommand:
    try:
        command = decode_control(body or b"{}")
    except UNREADABLE as error:
        raise Rejected(f"control.{action}: {error}") from error
    if action == "resume" and command.action in {None, *APPROVALS}:
        actions = ", ".join(one for one in HumanAction if one not in APPROVALS)
        raise Rejected(f"control.resume: `action` is missing: expected one of {actions}")
    return command

"""The input of a run that is about to begin: judged, filled in, and kept with its secrets."""

from __future__ import annotations

__all__ = ["Inputs", "filled_input", "forget_input", "input_name"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.defaults import filled, has_defaults
from flowworker.codec.json import encode
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import read_object
from flowworker.core.ids import COORDINATOR, sequence_of
from flowworker.definitions import InputValidator
from flowworker.errors import DefinitionError, InvalidInput
from flowworker.redaction import Secrets, hidden_text
from flowworker.stores.sealing import INPUT, SECRETS

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.stores.payloads import PayloadStore
    from flowworker.stores.stores import Stores


class Inputs:
    """Of all runs that one coordinator begins."""

    def __init__(self, stores: Stores) -> None:
        """Keep them in the stores."""
        self._payloads = stores.payloads
        self._secrets = stores.secrets
        self._validators: dict[str, tuple[str, InputValidator]] = {}

    async def checked(self, plan: Plan, sent: bytes) -> bytes:
        """The input with defaults filled in, if its schema has such and is satisfied then.

        Raises:
            Rejected: it is none of that definition.
        """
        schema = plan.workflow.input_schema
        if schema is None:
            read_object(sent)
            return sent
        data = filled_input(plan, sent)
        value = read_object(data)
        name = plan.workflow.name
        known, validator = self._validators.get(name, ("", None))
        try:
            if validator is None or known != plan.hash:
                validator = InputValidator(schema)
                self._validators[name] = plan.hash, validator
            if validator.is_quick(len(data)):
                validator.check(value)
            else:
                await asyncio.to_thread(validator.check, value)
        except (DefinitionError, InvalidInput) as error:
            found = await self._secrets.within(data, self._secrets.rules(schema))
            raise Rejected(hidden_text(str(error), found or Secrets())) from error
        return data

    async def keep(
        self, plan: Plan, run: str, name: str, data: bytes, above: RunRecord | None = None
    ) -> tuple[Payload, Payload | None]:
        """The input of a run of `plan` under that name, and what is secret of it, if anything.

        What is secret of the run `above` is secret of this one as well.

        Raises:
            InvalidInput, PayloadTooLarge: it cannot be kept, with what was filled in.
        """
        schema = plan.workflow.input_schema
        secrets = await self._secrets.keep(run, _secrets_of(name), schema, data, above)
        private = secrets is not None
        pack = self._payloads.pack
        try:
            payload = await pack(run, COORDINATOR, name, data, place=INPUT, private=private)
        except InvalidInput as error:  # where it would be kept means nothing to its sender
            raise type(error)(str(error).replace(name, "input", 1)) from error
        return payload, secrets


def input_name(origin: str) -> str:
    """Under which name the input of a run is kept that is begun by the start with that origin.

    No other start has it. All that are begun by no start share one, and each has an id of its own.
    """
    return f"{INPUT}.{sequence_of(origin)}"


async def forget_input(payloads: PayloadStore, run: str, name: str) -> None:
    """Remove what was kept under that name, of a run that does not come to be."""
    for one in (name, _secrets_of(name)):
        await payloads.forget(run, COORDINATOR, one)


def _secrets_of(name: str) -> str:
    """Under which name the secrets of an input are kept: as that, no other start has it."""
    return name.replace(INPUT, SECRETS, 1)


def filled_input(plan: Plan, sent: bytes) -> bytes:
    """The input with the defaults of its schema filled in; itself if it leaves nothing out."""
    schema = plan.workflow.input_schema
    if schema is None or not has_defaults(schema):
        return sent
    value = read_object(sent)
    try:
        found = filled(schema, value)
    except InvalidInput as error:
        raise Rejected(str(error)) from error
    return sent if found is value else encode(found)

"""What would be wrong with a start, said before it is sent."""

from __future__ import annotations

__all__ = ["check_start"]

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from flowworker.codec.defaults import filled
from flowworker.definitions import InputValidator
from flowworker.errors import InvalidInput, RunNotFound, WorkflowNotFound

if TYPE_CHECKING:
    from flowworker.client.remote import Client


async def check_start(client: Client, workflow: str, value: Any, run_id: str | None) -> None:
    """Raise now what a coordinator would reject later, unless the run exists already.

    Args:
        client: of the fleet.
        workflow: the name of a workflow.
        value: the input, as `Raw` or as a value.
        run_id: the id that was chosen, if one was.

    Raises:
        InvalidInput: the input does not satisfy what the workflow's `input_schema` says.
        WorkflowNotFound: no such workflow is registered.
    """
    try:
        await _check_new(client, workflow, value)
    except (InvalidInput, WorkflowNotFound):
        if run_id is None:
            raise
        with suppress(RunNotFound):
            await client.status(run_id)
            return
        raise


async def _check_new(client: Client, workflow: str, value: Any) -> None:
    schema = (await client.definition(workflow)).input_schema
    if schema is not None:
        given = msgspec.json.decode(value) if isinstance(value, Raw) else value
        InputValidator(schema).check(filled(schema, given))

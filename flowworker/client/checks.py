"""What would be wrong with a start, said before it is sent."""

from __future__ import annotations

__all__ = ["check_against", "check_start"]

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from flowworker.codec.defaults import filled
from flowworker.codec.json import decode_value
from flowworker.codec.values import encode_value
from flowworker.errors import InvalidInput, RunNotFound, WorkflowNotFound
from flowworker.evaluation.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.client.remote import Client
    from flowworker.core.model import Workflow


async def check_start(
    client: Client,
    workflow: str,
    value: Any,
    run_id: str | None,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Raise now what a coordinator would reject later, unless the run exists already.

    Args:
        client: of the fleet.
        workflow: the name of a workflow.
        value: the input, as `Raw` or as a value.
        run_id: the id that was chosen, if one was.
        labels: that are given to it.

    Raises:
        InvalidInput: the input does not satisfy what the workflow's `input_schema` says, or one of
            its `labels` comes to none.
        WorkflowNotFound: no such workflow is registered.
    """
    try:
        await _check_new(client, workflow, value, labels or {})
    except (InvalidInput, WorkflowNotFound):
        if run_id is None:
            raise
        with suppress(RunNotFound):
            await client.status(run_id)
            return
        raise


async def _check_new(client: Client, workflow: str, value: Any, labels: Mapping[str, str]) -> None:
    definition = await client.definition(workflow)
    body = bytes(value) if isinstance(value, Raw) else encode_value({} if value is None else value)
    await check_against(definition, body, labels)


async def check_against(workflow: Workflow, body: bytes, labels: Mapping[str, str]) -> None:
    """The same for a definition that is at hand, and an input as JSON, an object.

    Raises:
        InvalidInput: as `check_start`.
    """
    value = decode_value("input", body)
    if workflow.input_schema is not None:
        from flowworker.definitions.input import InputValidator  # noqa: PLC0415 - slow to import

        validator = InputValidator(workflow.input_schema)
        value = filled(workflow.input_schema, value)
        if validator.is_quick(len(body)):
            validator.check(value)
        else:
            await asyncio.to_thread(validator.check, value)
    if workflow.labels is not None:
        Labels().of(workflow, value, labels)

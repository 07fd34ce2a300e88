"""The labels of a run that is about to begin: those of its start, and others by its definition."""

from __future__ import annotations

__all__ = ["RunLabels"]

from typing import TYPE_CHECKING

from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import read_object
from flowworker.core.labels import check_labels
from flowworker.errors import InvalidInput
from flowworker.evaluation.labels import Labels
from flowworker.redaction import Secrets, hidden_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores

_NONE: Mapping[str, str] = {}


class RunLabels:
    """Of all runs that one coordinator begins."""

    def __init__(self, stores: Stores) -> None:
        """Know what is secret by means of the stores."""
        self._secrets = stores.secrets
        self._labels = Labels()

    async def of(
        self,
        workflow: Workflow,
        data: bytes,
        given: Mapping[str, str] = _NONE,
        above: RunRecord | None = None,
    ) -> dict[str, str]:
        """The labels of a run with that input.

        Args:
            workflow: its definition.
            data: its input, defaults filled in.
            given: by its start; they go before those of the definition.
            above: the run of which it is a part, or which it does again: what is secret of that is
                of this one as well.

        Raises:
            Rejected: one has no value, is no label, or would show what is secret; or there are too
                many.
        """
        if workflow.labels is None:
            return check_labels(given)
        secrets = await self._secret(workflow, data, above)
        try:
            found = self._labels.of(workflow, read_object(data), given)
        except InvalidInput as error:
            raise Rejected(hidden_text(str(error), secrets)) from error
        for name, value in found.items():
            if name not in given and hidden_text(value, secrets) != value:
                raise Rejected(
                    f"label {name} would show what is secret of the input: labels are for all to "
                    "see; have it name something else"
                )
        return found

    def given(self, workflow: Workflow, data: bytes, record: RunRecord) -> dict[str, str]:
        """Those of a run with that input that its start has given it."""
        return self._labels.given(workflow, read_object(data), record.labels)

    async def _secret(self, workflow: Workflow, data: bytes, above: RunRecord | None) -> Secrets:
        own = await self._secrets.within(data, self._secrets.rules(workflow.input_schema))
        others = None if above is None else await self._secrets.of(above)
        return (own or Secrets()) | (others or Secrets())

"""What people see of a run: all of it but its secrets."""

from __future__ import annotations

__all__ = ["Hiding", "RunHider"]

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import decode_value, encode
from flowworker.core.event_types import EventType
from flowworker.errors import CorruptRecord, PayloadKeyMissing
from flowworker.redaction import Hider, Rules, Secrets
from flowworker.stores.sealing import INPUT

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores

_TEXTS = ("error", "reason")
"""Fields of an event's data in which others' texts stand."""


class RunHider:
    """Hides what is secret of one run."""

    def __init__(self, rules: Rules = Rules(), schema: Any = None) -> None:  # noqa: B008 - immutable
        """Hide by these; the run's input has that schema. Without any, all is shown."""
        self._input = Hider(Rules(rules.names, schema, rules.secrets))
        self._other = Hider(rules)
        self.text = self._other.text
        self.value = self._other.value

    def json(self, data: bytes, *, is_input: bool = False) -> bytes:
        """A value as JSON, the run's input or any other; the same bytes if it has no secrets."""
        hider = self._input if is_input else self._other
        if not hider.rules:
            return data
        value = decode_value("payload", data)
        shown = hider.value(value)
        return data if shown is value else encode(shown)

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """A CloudEvent. Names of fields count in payloads, and in what handlers emit."""
        data, kind = event.get("data"), str(event.get("type"))
        if not kind.startswith("workflow."):
            return {**event, "data": self.value(data)}
        if not isinstance(data, dict):
            return event
        shown = {name: self._field(kind, name, value) for name, value in data.items()}
        return {**event, "data": shown}

    def _field(self, kind: str, name: str, value: Any) -> Any:
        if name in _TEXTS and isinstance(value, str):
            return self.text(value)
        is_payload = name in {"input", "output"} and isinstance(value, dict)
        if is_payload and value.get("kind") == "inline" and not value.get("sealed"):
            is_input = kind == EventType.STARTED
            hider = self._input if is_input else self._other
            return {**value, "data": hider.value(value.get("data"))}
        return value


class Hiding:
    """Finds what is secret of runs: what was kept of them, and what the settings here add."""

    def __init__(self, stores: Stores) -> None:
        """Look at the stores."""
        self._stores = stores
        self._secrets = stores.secrets
        self.unknown = RunHider(self._secrets.rules(None))
        """Of a run of which nothing is known but events."""

    async def of(self, record: RunRecord, plan: Plan | None = None) -> RunHider:
        """What hides the secrets of a run; `plan` if it is known."""
        plan = plan or await self._stores.plan(record)
        rules = self._secrets.rules(None if plan is None else plan.workflow.input_schema)
        found = Secrets()
        with suppress(PayloadKeyMissing):  # then nothing of it can be read
            found |= await self._secrets.of(record) or Secrets()
        if rules:
            with suppress(PayloadKeyMissing, CorruptRecord):
                data = await self._stores.payloads.load(record.input, record.run, INPUT)
                found |= await self._secrets.within(data, rules) or Secrets()
        return RunHider(Rules(rules.names, None, found), rules.schema)

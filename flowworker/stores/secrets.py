"""What is secret of a run: found in its input when that is taken in, and kept beside its record.

The secrets of a run are those of the run above it as well, or of the one that it does again: what
was hidden there goes on to be. They are kept as the values that they are, sealed as payloads are.
"""

from __future__ import annotations

__all__ = ["RunSecrets"]

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.codec.json import UNREADABLE, decode_value, encode
from flowworker.core.ids import COORDINATOR
from flowworker.errors import CorruptRecord
from flowworker.redaction import Rules, Secrets, hidden_text, mentions_secret, secrets_of
from flowworker.stores.sealing import SECRETS

if TYPE_CHECKING:
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.stores.payloads import PayloadStore

_QUICK = 256 * 1024
"""Bytes of an input that are searched at once; more in a thread."""

_decode = msgspec.json.Decoder(Secrets).decode


class RunSecrets:
    """Finds, keeps and reads them."""

    def __init__(self, payloads: PayloadStore, names: tuple[str, ...]) -> None:
        """Keep them in `payloads`; `names` are globs of fields that are secret in any input."""
        self._payloads = payloads
        self.names = names

    async def keep(
        self, run: str, name: str, schema: Any, data: bytes, above: RunRecord | None = None
    ) -> Payload | None:
        """Find what is secret in an input, and keep it for its run. None if nothing is.

        Args:
            run: that is about to begin.
            name: under which it is kept.
            schema: the `input_schema` of its workflow.
            data: its input.
            above: the run of which it is a part, or which it does again.
        """
        found = None if above is None else await self.of(above)
        own = await self.within(data, self.rules(schema))
        if own is not None:
            found = own if found is None else own | found
        if found is None:
            return None
        return await self._payloads.pack(run, COORDINATOR, name, encode(found), place=SECRETS)

    def rules(self, schema: Any) -> Rules:
        """What is secret in an input of that schema."""
        return Rules(self.names, schema if mentions_secret(schema) else None)

    async def within(self, data: bytes, rules: Rules) -> Secrets | None:
        """What is secret in a JSON value."""
        if not rules:
            return None
        value = decode_value("input", data)
        if len(data) <= _QUICK:
            return secrets_of(value, rules)
        return await asyncio.to_thread(secrets_of, value, rules)

    async def of(self, run: RunRecord) -> Secrets | None:
        """The secrets of a run; None if it has none. What cannot be read hides everything."""
        return None if run.secrets is None else await self.read(run.run, run.secrets)

    async def read(self, run: str, kept: Payload) -> Secrets:
        """Those that are kept of a run.

        Raises:
            PayloadKeyMissing: they are sealed with a key that is not here.
        """
        try:
            return _decode(await self._payloads.load(kept, run, SECRETS))
        except (CorruptRecord, *UNREADABLE):
            return Secrets(more=True)

    async def hide(self, run: RunRecord, text: str) -> str:
        """A text that people see, without the run's secrets."""
        found = await self.of(run)
        return text if found is None else hidden_text(text, found)

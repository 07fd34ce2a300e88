"""A step's input: what its definition says, or the run's input and its ancestors' outputs, merged.

They are merged as the Go package does it.
"""

from __future__ import annotations

__all__ = ["StepInputs"]

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from flowworker.codec.inputs import merged
from flowworker.codec.json import UNREADABLE, decode_value
from flowworker.codec.messages import decode_link
from flowworker.core.payload import Inline
from flowworker.errors import CorruptRecord, InvalidInput, PayloadTooLarge
from flowworker.redaction import secrets_of
from flowworker.stores.payload_cache import PayloadCache
from flowworker.stores.sealing import INPUT, given_place, output_places
from flowworker.stores.secrets import RunSecrets
from flowworker.telemetry.context import hide_in_attempt

if TYPE_CHECKING:
    from flowworker.codec.messages import Earlier, Link, StepMessage
    from flowworker.core.payload import Payload, Stored
    from flowworker.stores.payload_cache import Place
    from flowworker.stores.payloads import PayloadStore


class StepInputs:
    """Makes the dict that a handler gets of what its message carries, or names."""

    def __init__(self, payloads: PayloadStore, limit: int, names: tuple[str, ...] = ()) -> None:
        """Load from `payloads`; an input of more than `limit` bytes in all is not loaded.

        Fields that are called as `names` say are secret.
        """
        self._limit = limit
        self._secrets = RunSecrets(payloads, names)
        self._rules = self._secrets.rules(None)
        self._payloads = payloads
        # Twice: steps side by side may have much in common and each something of its own.
        self._cache = PayloadCache(payloads, 2 * limit)

    async def of(self, message: StepMessage) -> dict[str, Any]:
        """What the definition says, or the merged map (`codec.inputs`).

        What is secret in it, or of its run, is hidden in all that is said of the attempt from now
        on.

        Raises:
            CorruptRecord: a stored payload cannot be read, or is missing.
            InvalidInput: the run's input is not a JSON object.
            PayloadTooLarge: it exceeds the limit in all.
        """
        if message.secrets is None and not self._rules.names:
            return await self._of(message)
        rules, kept = self._rules, message.secrets
        if kept is not None:
            rules = replace(rules, secrets=await self._secrets.read(message.run, kept))
        hide_in_attempt(rules)
        found = await self._of(message)
        own = secrets_of(found, rules) if rules.names else None
        if own is not None:
            hide_in_attempt(replace(rules, secrets=rules.secrets | own))
        return found

    async def _of(self, message: StepMessage) -> dict[str, Any]:
        if message.input.given is not None:
            return await self._given(message, message.input.given)
        outputs = await self._outputs(message)
        base = message.input.base
        size = _size(base) + sum([_size(payload) for _, payload in outputs])
        if size > self._limit:
            raise PayloadTooLarge(
                f"the input of step {message.step!r} has {size:,} bytes in {len(outputs):,} "
                f"outputs, which exceeds payload_limit, {self._limit:,} bytes; read those that "
                "are needed, with `await ctx.output(step)`"
            )
        await self._fetch(message.run, [(INPUT, base), *outputs])
        value = await self._value(message.run, INPUT, base)
        if not isinstance(value, dict):
            kind = type(value).__name__
            raise InvalidInput(f"the run's input: expected a JSON object, found a {kind}")
        values = [
            (step, await self._value(message.run, step, payload)) for step, payload in outputs
        ]
        return merged(message.run, value, values)

    async def _given(self, message: StepMessage, given: Payload) -> dict[str, Any]:
        raw = self._payloads.plain(given) if isinstance(given, Inline) else None
        if raw is None:
            place = given_place(message.step, message.kind)
            raw = await self._payloads.load(given, message.run, place)
        value: dict[str, Any] = decode_value("with", raw)
        return value

    async def output(self, message: StepMessage, step: str) -> Any:
        """The output of one of the ancestors.

        Raises:
            InvalidInput: it is no ancestor, or has no output.
        """
        for name, payload in await self._outputs(message):
            if name == step:
                return await self._value(message.run, name, payload)
        raise InvalidInput(f"{message.step!r} is given no output of a step {step!r}")

    async def _outputs(self, message: StepMessage) -> list[tuple[str, Payload]]:
        """Step and payload of each ancestor, in topological order."""
        given, earlier = message.input.outputs, message.input.earlier
        if earlier is None:
            return list(given)
        found = await self._linked(earlier)
        found += [(at, step, out) for at, (step, out) in zip(earlier.places, given, strict=True)]
        return [(step, payload) for _, step, payload in sorted(found, key=lambda out: out[0])]

    async def _linked(self, earlier: Earlier) -> list[tuple[int, str, Payload]]:
        wanted = f"{int(earlier.steps, 16):b}"[::-1]
        found = []
        at: Stored | None = earlier.last
        for _ in range(earlier.links):
            if at is None:
                raise CorruptRecord(earlier.last.key, b"", f"fewer than {earlier.links} links")
            link: Link = await self._cache.get(at, _decode_link)
            found += [out for out in link.outputs if wanted[out[0] : out[0] + 1] == "1"]
            at = link.before
        return found

    async def _fetch(self, run: str, payloads: list[tuple[str, Payload]]) -> None:
        """Load those that are not in the cache."""
        placed = [
            (payload, _place(run, name))
            for name, payload in payloads
            if not isinstance(payload, Inline)
        ]
        missing = [(one, place) for one, place in placed if self._cache.peek(one, place) is None]
        if missing:
            await asyncio.gather(*(self._cache.get(one, decode_value, at) for one, at in missing))

    async def _value(self, run: str, name: str, payload: Payload) -> Any:
        """A value of the step's own, which its handler may change."""
        if not isinstance(payload, Inline):
            found = await self._cache.get(payload, decode_value, _place(run, name))
            return msgspec.to_builtins(found)
        raw = self._payloads.plain(payload)
        if raw is None:
            raw = await self._payloads.load(payload, *_place(run, name))
        return decode_value(name, raw)


def _place(run: str, name: str) -> Place:
    """Of the run's input, or of a step's output; no step has the name of the input."""
    return (run, INPUT) if name == INPUT else (run, *output_places(name))


def _decode_link(key: str, raw: bytes) -> Link:
    try:
        return decode_link(raw)
    except UNREADABLE as error:
        raise CorruptRecord(key, raw, str(error)) from error


def _size(payload: Payload) -> int:
    return len(payload.data) if isinstance(payload, Inline) else payload.size

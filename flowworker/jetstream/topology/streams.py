"""Streams, buckets and consumers: created when absent, checked when present, never changed.

Two creators at once are fine: creating what exists with the same settings is no error to the
server, and with other settings it is one, upon which we look at what is there.
"""

from __future__ import annotations

__all__ = ["Topology"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.errors import TopologyMismatch
from flowworker.jetstream.client.api import NO_CONSUMER, NO_STREAM, ApiError
from flowworker.jetstream.names import PARTITIONS
from flowworker.jetstream.topology.namespaces import missing
from flowworker.jetstream.topology.specs import stream_specs
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.names import Names
    from flowworker.jetstream.topology.specs import ConsumerSpec, StreamSpec, TopologyOptions


STREAM_EXISTS = {10058}
CONSUMER_EXISTS = {10013, 10105, 10148}
UNLIMITED: tuple[Any, ...] = (None, False, 0, -1, "", [], {})


class Topology:
    """Sees to it that everything is there and as it must be."""

    def __init__(
        self, api: Api, names: Names, options: TopologyOptions, *, create: bool = True
    ) -> None:
        """For one namespace."""
        self._api = api
        self._names = names
        self._options = options
        self._create = create
        self._complete = False

    async def ensure(self) -> int:
        """Create or check all streams; how many partitions there are.

        Raises:
            TopologyMismatch: something exists with other settings.
            NamespaceNotFound: something is missing, and nothing is to be created.
            Unavailable: JetStream refuses, or does not answer.
        """
        partitions = 0
        for spec in stream_specs(self._names, self._options):
            found = await self._stream(spec)
            if spec.name == self._names.events:
                partitions = self._partitions(spec.name, found)
        # Should the stream that says it get lost: this process goes on with what it has read
        self._options = replace(self._options, partitions=partitions)
        self._complete = True
        return partitions

    async def _stream(self, spec: StreamSpec) -> dict[str, Any]:
        found = await self._config(f"STREAM.INFO.{spec.name}", NO_STREAM)
        if found is None and not self._create:
            raise await missing(self._api, self._names, spec.name)
        if found is None:
            try:
                created = await self._api.call(f"STREAM.CREATE.{spec.name}", spec.config)
                found = created["config"]
                if self._complete:
                    get_logger().error(
                        "a stream was gone and is made again, empty", stream=spec.name
                    )
            except ApiError as error:
                if error.failure.err_code not in STREAM_EXISTS:
                    raise
                found = await self._config(f"STREAM.INFO.{spec.name}", 0)
        _compare(f"stream {spec.name}", "stream", spec, found or {})
        return found or {}

    def _partitions(self, stream: str, config: dict[str, Any]) -> int:
        text = (config.get("metadata") or {}).get(PARTITIONS, "")
        asked = self._options.partitions
        if not text.isdigit() or int(text) < 1:
            raise TopologyMismatch(
                f"stream {stream}: metadata {PARTITIONS} must be a number, found {text!r}; "
                "set it to the number with which the namespace was created"
            )
        if asked is not None and asked != int(text):
            raise TopologyMismatch(
                f"stream {stream}: {asked} partitions are asked for, found {text}; their number "
                "is fixed when a namespace is created: leave it out, or use another namespace"
            )
        return int(text)

    async def consumer(self, spec: ConsumerSpec) -> None:
        """Create or check a consumer.

        Raises:
            TopologyMismatch: it exists with other settings.
            Unavailable: JetStream refuses, or does not answer.
        """
        info = f"CONSUMER.INFO.{spec.stream}.{spec.name}"
        found = await self._config(info, NO_CONSUMER)
        if found is None:
            request = {"stream_name": spec.stream, "config": spec.config, "action": "create"}
            try:
                created = await self._api.call(
                    f"CONSUMER.CREATE.{spec.stream}.{spec.name}", request
                )
                found = created["config"]
            except ApiError as error:
                if error.failure.err_code not in CONSUMER_EXISTS:
                    raise
                found = await self._config(info, 0)
        _compare(f"consumer {spec.name} of stream {spec.stream}", "consumer", spec, found or {})

    async def _config(self, request: str, absent: int) -> dict[str, Any] | None:
        try:
            config: dict[str, Any] = (await self._api.call(request))["config"]
            return config
        except ApiError as error:
            if error.failure.err_code == absent:
                return None
            raise


def _compare(what: str, kind: str, spec: StreamSpec | ConsumerSpec, found: dict[str, Any]) -> None:
    for setting in spec.must:
        expected, actual = spec.config[setting], _actual(found, setting)
        if _comparable(expected) != _comparable(actual):
            raise _mismatch(what, kind, setting, repr(expected), actual)
    for setting in getattr(spec, "at_least", ()):
        expected, actual = spec.config[setting], found.get(setting) or 0
        if actual < expected:
            raise _mismatch(what, kind, setting, f"at least {expected}", actual)
    for setting in spec.empty:
        if found.get(setting) not in UNLIMITED:
            raise _mismatch(what, kind, setting, "unset", found[setting])


def _actual(found: dict[str, Any], setting: str) -> Any:
    """The server leaves out what is false, and shows a single filter under another name."""
    if setting == "filter_subjects" and not found.get(setting):
        single = found.get("filter_subject")
        return [single] if single else []
    return found.get(setting)


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(value)
    if isinstance(value, dict):
        return {name: entry for name, entry in value.items() if entry}
    return value or None


def _mismatch(what: str, kind: str, setting: str, expected: str, found: Any) -> TopologyMismatch:
    return TopologyMismatch(
        f"{what}: {setting} must be {expected}, found {found!r}; change it with "
        f"`nats {kind} edit`, delete it if nothing in it matters, or use another namespace"
    )

"""What of a stream or a consumer is not as this release makes it.

Settings that no process can do without stand in a spec's `must`, `at_least` and `empty`: they are
*needed*. Others come with a release, such as the version of the topology: a process works without
them, and `setup` brings them.
"""

from __future__ import annotations

__all__ = ["Difference", "differences", "newer"]

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.jetstream.names import TOPOLOGY
from flowworker.jetstream.topology.specs import TOPOLOGY_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowworker.jetstream.topology.specs import ConsumerSpec, StreamSpec

UNLIMITED: tuple[Any, ...] = (None, False, 0, -1, "", [], {})

_FIXED = {
    *("storage", "retention", "sealed", "deny_purge", "mirror"),
    *("deliver_policy", "ack_policy", "deliver_subject"),
}
"""What no server changes of a stream or a consumer that exists."""


class Difference(Struct, frozen=True):
    """A setting that is otherwise.

    Attributes:
        setting: as the API calls it.
        found: its value.
        wanted: what it has to be; None for unset.
        expected: the same in words.
        needed: no process works with what was found.
    """

    setting: str
    found: Any
    wanted: Any
    expected: str
    needed: bool = True

    @property
    def fixed(self) -> bool:
        """No server changes it."""
        return self.setting in _FIXED


def newer(config: dict[str, Any]) -> str:
    """The version of a stream's topology if a newer release has set it; else empty."""
    version = _version(config)
    return version if version.isdigit() and int(version) > TOPOLOGY_VERSION else ""


def differences(spec: StreamSpec | ConsumerSpec, found: dict[str, Any]) -> Iterator[Difference]:
    """All of them, those that are needed first; none of a stream that a newer release has set."""
    if newer(found):
        return
    yield from _others(spec, spec.must, found, needed=True)
    for setting in getattr(spec, "at_least", ()):
        expected, actual = spec.config[setting], found.get(setting) or 0
        if actual < expected:
            yield Difference(setting, actual, expected, f"at least {expected}")
    for setting in spec.empty:
        if found.get(setting) not in UNLIMITED:
            yield Difference(setting, found[setting], None, "unset")
    yield from _others(spec, getattr(spec, "brought", ()), found, needed=False)
    if (wanted := _version(spec.config)) != (version := _version(found)):
        stated = {TOPOLOGY: version} if version else None
        yield Difference("metadata", stated, {TOPOLOGY: wanted}, f"{wanted!r}", needed=False)


def _others(
    spec: StreamSpec | ConsumerSpec, names: Iterable[str], found: dict[str, Any], *, needed: bool
) -> Iterator[Difference]:
    """Those of these settings that are not as they stand in the spec."""
    for setting in names:
        expected, actual = spec.config[setting], _actual(found, setting)
        if _comparable(expected) != _comparable(actual):
            yield Difference(setting, actual, expected, repr(expected), needed)


def _version(config: dict[str, Any]) -> str:
    return str((config.get("metadata") or {}).get(TOPOLOGY, ""))


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

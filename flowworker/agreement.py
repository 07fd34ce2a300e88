"""Settings that must be equal over a fleet: what was agreed upon, and what a difference means.

It stands where every process looks when it starts, in the metadata of the events stream: written
by the process that creates the namespace, and after that by `flowworker setup` alone. What was
never said has its default, and a difference from that is reported.

    {"values": {"lease": [10.0, 30.0]}, "keys": {"2026-11": "<fingerprint>"}}

A setting has its value and, behind it, the one before: processes that are started with that while
it is being changed are not refused. Of the keys of payloads, the first one seals.
"""

from __future__ import annotations

__all__ = ["ADDED", "REFUSED", "REPORTED", "check", "first", "hidden", "joined", "renewed", "seals"]

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from flowworker.encryption import codec_from
from flowworker.errors import InvalidInput
from flowworker.settings import ENV_PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

REFUSED = (
    *("lease", "partition_lease", "retention", "reply_prefixes", "payload_limit"),
    "require_sealed",
)
"""Settings with which a process does not start if its fleet has another value."""

REPORTED = ("inline_limit", "message_limit", "handler_grace")
"""Settings of which a difference is reported, and does no harm for a while."""

ADDED = ("redact",)
"""Settings that every process and client has from its fleet, besides what it is given itself."""

_DEFAULTS = Settings()
_HOW = "give the same to all processes; `flowworker setup`, with the new value, changes the fleet's"


class _Agreed(Struct, omit_defaults=True):
    values: dict[str, list[Any]] = {}
    keys: dict[str, str] = {}


def first(settings: Settings) -> str:
    """What the process that creates a namespace says: all that is not a default."""
    values = {name: [value] for name, value in _of(settings).items() if value != _default(name)}
    return _text(_Agreed(values, dict(_keys(settings))))


def renewed(text: str, settings: Settings, given: Collection[str]) -> str:
    """What was agreed upon, with the settings that are given now.

    Args:
        text: what was agreed upon before.
        settings: with the new values.
        given: the names of those that are to be agreed upon.
    """
    agreed = _read(text)
    for name, value in _of(settings).items():
        if name in given:
            now, *_ = agreed.values.setdefault(name, [_default(name)])
            if value != now:
                agreed.values[name] = [value, now]
    if {"payload_keys", "payload_codec"} & set(given):
        agreed.keys = dict(_keys(settings))
    return _text(agreed)


def hidden(text: str) -> list[str]:
    """The names of fields whose values everybody hides."""
    given = _read(text).values.get("redact") or [[]]
    fleet = given[0] if isinstance(given[0], list) else []
    return [name for name in fleet if isinstance(name, str) and name.strip()]


def joined(text: str, settings: Settings) -> Settings:
    """The settings of a process as they hold in its fleet: what is hidden there is hidden here."""
    return replace(settings, redact=tuple(dict.fromkeys([*hidden(text), *settings.redact])))


def check(text: str, settings: Settings, *, member: bool) -> list[str]:
    """What is to be reported of a process' settings.

    Args:
        text: what was agreed upon.
        settings: of the process.
        member: whether it is a coordinator or a worker; of others only the keys matter.

    Raises:
        InvalidInput: it must not take part with these settings.
    """
    agreed, settings, reports = _read(text), joined(text, settings), []
    for name, value in _of(settings).items() if member else ():
        known = agreed.values.get(name, [])
        if value == (known or [_default(name)])[0]:
            continue
        here = f"{ENV_PREFIX}{name.upper()}: {_shown(value)} here"
        fleet = f"{_shown(known[0])} in the fleet" if known else "the default in the fleet"
        if value in known[1:]:
            reports.append(f"{here}, {fleet}, where it was changed; restart this process with that")
        elif known and name in REFUSED:
            raise InvalidInput(f"{here}, {fleet}; {_HOW}")
        else:
            reports.append(f"{here}, {fleet}; {_HOW}")
    reports += _check_keys(agreed.keys, _keys(settings), member=member)
    return reports


def seals(text: str) -> bool:
    """Whether the fleet seals payloads."""
    return bool(_read(text).keys)


def _check_keys(fleet: Mapping[str, str], here: Mapping[str, str], *, member: bool) -> list[str]:
    for key, fingerprint in here.items():
        if fleet.get(key, fingerprint) != fingerprint:
            raise InvalidInput(
                f"payload key {key!r}: another key than the fleet has under this id; what one of "
                "them seals the other cannot open. Take the fleet's, or give yours an id of its own"
            )
    if not fleet:
        return (
            [f"payloads are sealed here, and not in the fleet; {_HOW}"] if member and here else []
        )
    sealing = next(iter(fleet))
    if sealing not in here and (member or here):
        known = ", ".join(here) or "none"
        raise InvalidInput(
            f"the fleet seals payloads with the key {sealing!r}, which is not here (there is: "
            f"{known}); give FLOWWORKER_PAYLOAD_KEYS the fleet's keys"
        )
    if here and (own := next(iter(here))) not in fleet:
        return [f"payloads are sealed here with the key {own!r}, which the fleet lacks; {_HOW}"]
    return []


def _of(settings: Settings) -> dict[str, Any]:
    """What is compared, as JSON has it."""
    found = {name: getattr(settings, name) for name in (*REFUSED, *REPORTED, *ADDED)}
    return {name: list(one) if isinstance(one, tuple) else one for name, one in found.items()}


def _default(name: str) -> Any:
    return _of(_DEFAULTS)[name]


def _keys(settings: Settings) -> Mapping[str, str]:
    codec = codec_from(settings)
    return {} if codec is None else codec.fingerprints()


def _shown(value: Any) -> str:
    return ",".join(value) or "nothing" if isinstance(value, list) else f"{value}"


def _text(agreed: _Agreed) -> str:
    return msgspec.json.encode(agreed).decode() if agreed.values or agreed.keys else ""


def _read(text: str) -> _Agreed:
    """What cannot be read, because a person has written it, is as if it had not been said."""
    try:
        return msgspec.json.decode(text or "{}", type=_Agreed)
    except msgspec.DecodeError:
        return _Agreed()

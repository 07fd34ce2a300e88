"""Time zones by name, as the IANA database has them: the system's, or else the one of `tzdata`."""

from __future__ import annotations

__all__ = ["zone_of"]

import difflib
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from flowworker.errors import InvalidInput

_UTC = "UTC"


def zone_of(name: str) -> tzinfo:
    """The time zone of that name.

    Raises:
        InvalidInput: there is none.
    """
    if name == _UTC:
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # what is no name; ZoneInfoNotFoundError is a KeyError
        pass
    except KeyError:
        pass
    near = difflib.get_close_matches(name[:100], available_timezones(), 1)
    meant = f"; did you mean {near[0]!r}?" if near else ", such as 'Europe/Berlin'"
    raise InvalidInput(
        f"there is no time zone {name[:100]!r}: expected a name of the IANA database{meant}"
    )

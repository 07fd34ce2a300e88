"""Whether a request was meant for this server, and sent by one of its own pages.

Two attacks are met here. By rebinding, a name of the attacker's resolves to this server's address,
so that the browser takes this server for the attacker's: it says that name in `Host`. An address
cannot be rebound, so addresses are always right. By forgery, a page of the attacker's sends a
request to this server, to which the browser adds the user's cookie: it says so in `Sec-Fetch-Site`,
and in `Origin`, which pages cannot change.
"""

from __future__ import annotations

__all__ = ["LOCAL", "host_of", "is_address", "is_foreign", "is_meant"]

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LOCAL = "localhost"
"""A name that browsers resolve by themselves."""

_OWN = frozenset({"same-origin", "none"})
"""What `Sec-Fetch-Site` says of requests that no other site has caused."""


def host_of(header: str) -> str:
    """The host in `Host` or an origin, without the port; empty for what is none."""
    try:
        host = urlsplit(header if "//" in header else f"//{header}").hostname
    except ValueError:
        return ""
    return (host or "").rstrip(".")


def is_address(host: str) -> bool:
    """Whether it is an IP address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_meant(host: str, names: Collection[str]) -> bool:
    """Whether `Host` says an address, or one of these names in lower case."""
    found = host_of(host)
    return found == LOCAL or found in names or is_address(found)


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether another site has caused the request; nothing is known of what no browser sent.

    `Origin` is compared with the host only: a proxy in between may speak TLS for this server.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in _OWN
    origin = headers.get("origin")
    if origin is None:
        return False
    return origin.partition("://")[2].lower() != headers.get("host", "").lower()

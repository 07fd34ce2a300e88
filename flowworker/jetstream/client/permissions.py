"""What to do about a right that a user of the server lacks.

The server says which subject it refused, and nothing else: neither to whom, nor which request it
was. So a refusal names the user, as far as the options tell, and the permission to add, which is
wider than the subject where that has a run's id or a token of a single message in it.
"""

from __future__ import annotations

__all__ = ["Refusal", "refusal_in", "user_of"]

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from flowworker.errors import PermissionDenied

if TYPE_CHECKING:
    from flowworker.jetstream.client.options import ConnectionOptions

GUIDE = "docs/how-to/secure.md"

_SAID = re.compile(r"permissions violation for (publish|subscription)[^\"]*\"([^\"]*)\"", re.I)

_ANY = r"[^.]+"
_WIDER = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"(\$JS\.ACK\.{_ANY}\.{_ANY})(?:\.\d+){{5}}", r"\1.>"),
        (rf"\$JS\.ACK\.{_ANY}\.{_ANY}\.({_ANY}\.{_ANY})(?:\.\d+){{5}}.*", r"$JS.ACK.*.*.\1.>"),
        (rf"(.*\$KV\.{_ANY}_runs(?:_\d+)?\.(?:step|emit)\.{_ANY})\..+", r"\1.>"),
        (rf"(.*\$KV\.{_ANY}_payloads)\.{_ANY}\.({_ANY})\..+", r"\1.*.\2.>"),
        (r"(\$JS\.API\.DIRECT\.GET\..*_locks\.present)\..+", r"\1.>"),
        (rf"(\$KV\.{_ANY}_locks\.present(?:\.worker)?\.{_ANY})\.{_ANY}", r"\1.*"),
        (rf"(.*\$KV\.{_ANY}\.{_ANY})\..+", r"\1.>"),
        (rf"({_ANY}\.event)\.{_ANY}\.{_ANY}\.({_ANY})\..+", r"\1.*.*.\2.>"),
        (rf"({_ANY}\.(?:start|control|(?:step|timer)(?:_\d+)?|lease\.free))\..+", r"\1.>"),
        (rf"({_ANY}\.cancel)\.{_ANY}", r"\1.*"),
        (r"(_INBOX(?:\.[^.]+)*?)\.[A-Za-z0-9]{22}(?:\..+)?", r"\1.>"),
    )
]
"""Subjects with a part that differs from message to message, and the permission for all of them."""


class Refusal(NamedTuple):
    """What the server refused.

    Attributes:
        publish: to publish to the subject; else to subscribe to it.
        subject: as the server was given it.
    """

    publish: bool
    subject: str

    @property
    def permission(self) -> str:
        """What allows this subject and those like it."""
        for pattern, replacement in _WIDER:
            if found := pattern.fullmatch(self.subject):
                return found.expand(replacement)
        return self.subject

    def error(self, options: ConnectionOptions) -> PermissionDenied:
        """The same for a person, in one line."""
        what = "publish" if self.publish else "subscribe"
        remedy = f'add "{self.permission}" to its {what} permissions'
        if self.subject.startswith(f"{options.inbox_prefix}.") and not self.publish:
            remedy += ", or give the prefix that it has: --inbox-prefix, FLOWWORKER_INBOX_PREFIX"
        return PermissionDenied(
            f"{user_of(options)} may not {what} to {self.subject}: {remedy} ({GUIDE})"
        )


def refusal_in(text: str) -> Refusal | None:
    """The refusal that a server's error is about, if it is one."""
    found = _SAID.search(text)
    return found and Refusal(found[1].lower() == "publish", found[2])


def user_of(options: ConnectionOptions) -> str:
    """Who the server takes us for, as far as one can tell without its secrets."""
    if options.creds or options.nkey:
        return f"the user of {options.creds or options.nkey}"
    if options.token:
        return "the user of this token"
    first = options.url.split(",")[0].strip()
    name = options.user or urlsplit(first if "://" in first else f"nats://{first}").username
    return f"user {unquote(name)!r}" if name else "a user without credentials"

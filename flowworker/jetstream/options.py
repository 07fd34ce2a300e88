"""Where NATS is, and how to get in."""

from __future__ import annotations

__all__ = ["ConnectionOptions", "credentials_of", "redacted", "tls_of"]

import re
import ssl
from typing import Any

from msgspec import Struct

from flowworker.errors import InvalidInput


class ConnectionOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Where NATS is and how to get in. Times are seconds.

    Attributes:
        url: one or more URLs, separated by commas.
        name: what the server's monitoring shows.
        credentials: path of a `.creds` file.
        nkey_seed: path of a file with an NKey seed.
        tls_ca: path of the CA's certificates; TLS is used if any `tls_` option is set.
        tls_cert, tls_key: paths of the client's certificate and key.
        tls_hostname: the name that the server's certificate must have, if not the URL's.
        connect_timeout: for one attempt to connect.
        wait: how long to keep trying at first, for processes that start before their server.
        inbox_prefix: for accounts that restrict replies.
    """

    url: str = "nats://127.0.0.1:4222"
    name: str = "flowworker"
    credentials: str = ""
    nkey_seed: str = ""
    user: str = ""
    password: str = ""
    token: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_hostname: str = ""
    connect_timeout: float = 5.0
    wait: float = 0.0
    inbox_prefix: str = "_INBOX"

    def __repr__(self) -> str:
        """Without secrets."""
        return f"ConnectionOptions(url={redacted(self.url)!r}, name={self.name!r})"


def credentials_of(options: ConnectionOptions) -> dict[str, Any]:
    """What the client is to present, as its `connect` takes it."""
    found: dict[str, Any] = {
        "user": options.user or None,
        "password": options.password or None,
        "token": options.token or None,
        "user_credentials": options.credentials or None,
        "nkeys_seed": options.nkey_seed or None,
        "tls": tls_of(options),
        "tls_hostname": options.tls_hostname or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def tls_of(options: ConnectionOptions) -> ssl.SSLContext | None:
    """What TLS needs; None if no option asks for it. Raises InvalidInput for unusable files."""
    if not (options.tls_ca or options.tls_cert or options.tls_hostname):
        return None
    try:
        context = ssl.create_default_context(cafile=options.tls_ca or None)
        if options.tls_cert:
            context.load_cert_chain(options.tls_cert, options.tls_key or None)
    except OSError as error:
        raise InvalidInput(f"the TLS files cannot be used: {error}") from error
    return context


def redacted(url: str) -> str:
    """Without user and password."""
    return re.sub(r"//[^@/,]*@", "//***@", url)

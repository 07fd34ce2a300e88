"""Where NATS is, and how to get in."""

from __future__ import annotations

__all__ = ["ConnectionOptions", "credentials_of", "redacted", "tls_of", "without_secrets"]

import ssl
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.errors import InvalidInput
from flowworker.jetstream.client.credentials import check_creds, check_seed

if TYPE_CHECKING:
    from collections.abc import Iterator


class ConnectionOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Where NATS is and how to get in. Times are seconds.

    Attributes:
        url: one or more URLs, separated by commas.
        name: what the server's monitoring shows.
        creds: path of a `.creds` file.
        nkey: path of a file with an NKey seed.
        tls_ca: path of the CA's certificates; TLS is used if any `tls_` option is set.
        tls_cert, tls_key: paths of the client's certificate and key.
        tls_hostname: the name that the server's certificate must have, if not the URL's.
        connect_timeout: for one attempt to connect.
        wait: how long to keep trying at first, for processes that start before their server.
        inbox_prefix: for accounts that restrict replies.
    """

    url: str = "nats://127.0.0.1:4222"
    name: str = "flowworker"
    creds: str = ""
    nkey: str = ""
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
    """What the client is to present, as its `connect` takes it.

    Raises:
        InvalidInput: a file cannot be used.
    """
    if options.creds:
        check_creds(options.creds)
    if options.nkey:
        check_seed(options.nkey)
    found: dict[str, Any] = {
        "user": options.user or None,
        "password": options.password or None,
        "token": options.token or None,
        "user_credentials": options.creds or None,
        "nkeys_seed": options.nkey or None,
        "tls": tls_of(options),
        "tls_hostname": options.tls_hostname or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def tls_of(options: ConnectionOptions) -> ssl.SSLContext | None:
    """What TLS needs; None if no option asks for it. Raises InvalidInput for unusable files."""
    if not (options.tls_ca or options.tls_cert or options.tls_hostname):
        return None
    with _naming("tls_ca", options.tls_ca):
        context = ssl.create_default_context(cafile=options.tls_ca or None)
    if options.tls_cert:
        key = options.tls_key or options.tls_cert
        refuse = partial(_refuse_passphrase, key)
        with _naming("tls_cert, tls_key", options.tls_cert, key):
            context.load_cert_chain(options.tls_cert, options.tls_key or None, password=refuse)
    return context


@contextmanager
def _naming(option: str, *paths: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        files = ", ".join(dict.fromkeys(paths))
        raise InvalidInput(f"TLS files cannot be used: {option}: {files}: {error}") from error


def _refuse_passphrase(path: str) -> str:
    raise InvalidInput(
        f"{path}: the key is encrypted, and a process cannot ask for its passphrase; give "
        "one without, such as `openssl pkey -in KEY -out PLAIN` writes, that only it can read"
    )


def redacted(urls: str) -> str:
    """Without users, passwords and tokens, also where they are not escaped as they should be."""
    shown: list[str] = []
    for url in urls.split(","):
        scheme, separator, rest = url.rpartition("://")
        if "@" in rest and not separator and shown:
            shown[-1] = "***"  # perhaps the beginning of a password with a comma in it
        hidden = f"***@{rest.rpartition('@')[2]}" if "@" in rest else rest
        shown.append(f"{scheme}{separator}{hidden}")
    return ",".join(shown)


def without_secrets(text: str, options: ConnectionOptions) -> str:
    """What a library says about a connection, without its secrets."""
    secrets = {options.password, options.token}
    for url in options.url.split(","):
        user_info, at, _ = url.rpartition("://")[2].rpartition("@")
        if at:
            secrets |= {user_info, user_info.partition(":")[2]}
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text

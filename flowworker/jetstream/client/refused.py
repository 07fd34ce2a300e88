"""Why there is no connection: nobody is there, or a server that will not have us."""

from __future__ import annotations

__all__ = ["Refused", "unreachable"]

from typing import TYPE_CHECKING

from flowworker.errors import ServerUnavailable
from flowworker.jetstream.client.credentials import expired
from flowworker.jetstream.client.options import redacted, without_secrets

if TYPE_CHECKING:
    from flowworker.jetstream.client.options import ConnectionOptions

_TLS = ("CERTIFICATE_VERIFY_FAILED", "TLSV1", "SSLV3", "TLS was asked for", "TLS handshake")


class Refused(ServerUnavailable):
    """A server is there and refuses this client, as it will the next time."""


def unreachable(options: ConnectionOptions, reason: str) -> ServerUnavailable:
    """The error for what was heard last; nothing of it is secret.

    `reason` is empty if the server closed the connection without a word.
    """
    url, reason = redacted(options.url), without_secrets(reason, options)
    if "connections exceeded" in reason:
        return ServerUnavailable(
            f"the NATS server at {url} takes no more connections ({reason}); close some, or raise "
            "max_connections of the server or the account"
        )
    if "authorization violation" in reason.lower():
        return Refused(f"the NATS server at {url} refuses us: {reason}; {_who(options)}")
    if any(mark in reason for mark in _TLS):
        return Refused(f"no TLS with the NATS server at {url}: {reason}; {_tls(reason)}")
    has_tls = options.tls_ca or options.tls_cert or options.tls_hostname
    if has_tls and any(mark in reason for mark in ("reset by peer", "Broken pipe")):
        # What a server says that refuses a certificate may get lost on the way.
        return ServerUnavailable(f"no TLS with the NATS server at {url}: {reason}; {_tls(reason)}")
    reason = reason or "no answer in time"
    return ServerUnavailable(
        f"no NATS server at {url}: {reason}; is it running, and are URL and credentials right?"
    )


def _who(options: ConnectionOptions) -> str:
    if options.creds:
        if at := expired(options.creds):
            return f"the credentials in {options.creds} expired at {at}"
        return f"does it know the account and user of {options.creds}?"
    if options.nkey:
        return f"does it know the NKey of {options.nkey}?"
    if options.token:
        return "is the token right?"
    if options.user or "@" in options.url:
        return "are user and password right?"
    return "give --creds, --nkey, --user and --password, or --token"


def _tls(reason: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return "did the CA of --tls-ca sign its certificate, and has that the name of the URL?"
    if "TLS was asked for" in reason:
        return "leave the --tls- options and tls:// out, or switch TLS on there"
    return "does it want a client's certificate (--tls-cert, --tls-key), from another CA?"

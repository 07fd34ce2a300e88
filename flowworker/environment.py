"""Environment variables that say which fleet, and how to get there."""

from __future__ import annotations

__all__ = ["CONNECTION", "ENV_PREFIX", "NAMESPACE"]

ENV_PREFIX = "FLOWWORKER_"
"""Environment variables of settings: `FLOWWORKER_LEASE=10`."""

CONNECTION = {
    "url": "FLOWWORKER_NATS_URL",
    "creds": "FLOWWORKER_CREDS",
    "nkey": "FLOWWORKER_NKEY",
    "user": "FLOWWORKER_USER",
    "password": "FLOWWORKER_PASSWORD",
    "token": "FLOWWORKER_TOKEN",
    "tls_ca": "FLOWWORKER_TLS_CA",
    "tls_cert": "FLOWWORKER_TLS_CERT",
    "tls_key": "FLOWWORKER_TLS_KEY",
    "tls_hostname": "FLOWWORKER_TLS_HOSTNAME",
    "inbox_prefix": "FLOWWORKER_INBOX_PREFIX",
}
"""How to get to NATS: the options, and their environment variables. The command line calls them as
the variables are called: `--nats-url`."""

NAMESPACE = "FLOWWORKER_NAMESPACE"
"""Environment variable: which fleet."""

"""Files that say who one is: NKey seeds, and credentials with a user's JWT."""

from __future__ import annotations

__all__ = ["check_creds", "check_seed", "expired"]

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from flowworker.clock import SystemClock
from flowworker.errors import InvalidInput

_JWT = re.compile(r"-+BEGIN NATS USER JWT-+\s+(\S+)\s+-+END NATS USER JWT-+")
_SEED = re.compile(r"-+BEGIN USER NKEY SEED-+\s+(\S+)\s+-+END USER NKEY SEED-+")


def check_seed(path: str) -> None:
    """Raise InvalidInput unless the file has an NKey seed and nothing else."""
    if not _is_seed(_text("nkey", path)):
        raise InvalidInput(f"nkey: {path}: expected an NKey seed, which begins with SU, alone")


def check_creds(path: str) -> None:
    """Raise InvalidInput unless the file has a user's JWT and the seed that goes with it."""
    text = _text("creds", path)
    seed = _SEED.search(text)
    if _JWT.search(text) is None or seed is None or not _is_seed(seed[1]):
        raise InvalidInput(
            f"creds: {path}: expected a user's JWT and NKey seed, as `nsc generate creds` writes"
        )


def expired(path: str) -> str:
    """When the credentials expired, if they did; else nothing."""
    now = SystemClock().now()
    try:
        found = _JWT.search(_text("creds", path))
        body = found[1].split(".")[1] if found else ""
        until = json.loads(base64.urlsafe_b64decode(body + "==")).get("exp") or 0
        past = 0 < until <= now
        return f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC" if past else ""
    except (InvalidInput, ValueError, IndexError, TypeError, AttributeError, OverflowError):
        return ""  # what is wrong with them is the server's to say


def _text(option: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError as error:
        raise InvalidInput(f"{option}: {path}: {error.strerror}") from error


def _is_seed(text: str) -> bool:
    import nkeys  # noqa: PLC0415 - brings a library of cryptography, for those who have such a file

    try:
        nkeys.from_seed(bytearray(text.strip().encode()))
    except Exception:  # noqa: BLE001 - many, for what is none
        return False
    return True

"""AES-256-GCM with the keys of a file.

Why it is safe: every value is sealed with a key of its own kind, which HMAC-SHA256 makes of the
file's key and of what the value is about, and with a random nonce. So the number of values that one
key may seal (2**32, because of the nonces) counts for one value of one run, not for the fleet. What
a value is about is authenticated, and is not stored: it opens in its own place alone.

    sealed = 0x01, nonce (12 bytes), AES-256-GCM of the value with its tag (16 bytes)
    key    = HMAC-SHA256(key of the file, about)
"""

from __future__ import annotations

__all__ = ["Keyring", "read_keys"]

import base64
import binascii
import hmac
import os
import re
from typing import TYPE_CHECKING

from flowworker.errors import InvalidInput, PayloadKeyMissing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE = 12
_KEY = 32
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HOW = "make one with `openssl rand -base64 32`"


def read_keys(path: Path) -> dict[str, bytes]:
    """The keys of a file by their ids, the one that writes first.

    A line has an id and, behind a space, 32 random bytes in base64. Empty lines, and those that
    begin with `#`, say nothing.

    Raises:
        InvalidInput: the file cannot be read or has no key, or a line is not one.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InvalidInput(f"payload_keys: {path}: {reason}") from error
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            where = f"payload_keys: {path}:{number}"  # and never what stands there
            key, secret = _parsed(line, where)
            if key in keys:
                raise InvalidInput(f"{where}: the id {key!r} is there twice")
            keys[key] = secret
    if not keys:
        raise InvalidInput(f"payload_keys: {path}: expected at least one line `id key`; {_HOW}")
    return keys


def _parsed(line: str, where: str) -> tuple[str, bytes]:
    key, _, text = line.strip().partition(" ")
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not _ID.fullmatch(key) or len(secret) != _KEY:
        expected = f"expected an id of letters, digits, `_` and `-`, a space, and {_KEY} bytes"
        raise InvalidInput(f"{where}: {expected} in base64; {_HOW}")
    return key, secret


class Keyring:
    """A codec whose keys are in memory."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Seal with the first of the keys, open with all.

        Raises:
            InvalidInput: the extra `crypto` is not installed.
        """
        try:
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise InvalidInput(
                "payload_keys: encryption needs the extra `crypto`: "
                "pip install 'flowworker[crypto]'"
            ) from error
        self._cipher, self._invalid = AESGCM, InvalidTag
        self._keys = dict(keys)
        self._writes = next(iter(self._keys))

    async def seal(self, data: bytes, about: bytes) -> tuple[str, bytes]:
        """As `PayloadCodec.seal`."""
        nonce = os.urandom(_NONCE)
        sealed = self._of(self._writes, about).encrypt(nonce, data, about)
        return self._writes, b"".join((_VERSION, nonce, sealed))

    async def open(self, key: str, sealed: bytes, about: bytes) -> bytes:
        """As `PayloadCodec.open`."""
        if key not in self._keys:
            raise PayloadKeyMissing(key, self._keys)
        if sealed[:1] != _VERSION:
            raise ValueError("it is of an unknown version")
        nonce, rest = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._of(key, about).decrypt(nonce, rest, about)
        except (self._invalid, ValueError):
            text = "it was sealed for another place, or by another key of that id, or was changed"
            raise ValueError(text) from None

    def fingerprints(self) -> Mapping[str, str]:
        """As `PayloadCodec.fingerprints`."""
        return {
            key: hmac.digest(secret, b"flowworker fingerprint", "sha256").hex()[:16]
            for key, secret in self._keys.items()
        }

    def _of(self, key: str, about: bytes) -> AESGCM:
        return self._cipher(hmac.digest(self._keys[key], about, "sha256"))

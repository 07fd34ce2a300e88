"""Seals payloads with keys from a file, or with a codec of the user's own.

keyring      AES-256-GCM, with the keys of a file     choosing     which codec the settings ask for
"""

from __future__ import annotations

__all__ = ["Keyring", "codec_from", "read_keys"]

from flowworker.encryption.choosing import codec_from
from flowworker.encryption.keyring import Keyring, read_keys

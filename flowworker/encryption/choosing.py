"""Which codec the settings ask for."""

from __future__ import annotations

__all__ = ["codec_from"]

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from flowworker.encryption.keyring import Keyring, read_keys
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.ports import PayloadCodec
    from flowworker.settings import Settings


def codec_from(settings: Settings) -> PayloadCodec | None:
    """What seals and opens payloads; None if nothing does.

    Raises:
        InvalidInput: the file of keys, or the user's codec, cannot be used.
    """
    if settings.payload_codec:
        return _loaded(settings.payload_codec)
    return Keyring(read_keys(Path(settings.payload_keys))) if settings.payload_keys else None


def _loaded(name: str) -> PayloadCodec:
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as for `--app`: modules of the working directory
    try:
        made = getattr(import_module(module), attribute)()
        _ = made.seal, made.open, made.fingerprints
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise InvalidInput(
            f"payload_codec={name!r}: expected module:function, which returns a PayloadCodec; {why}"
        ) from error
    codec: PayloadCodec = made
    return codec

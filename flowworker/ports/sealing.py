"""What seals payloads, so that only those who have the keys can read them."""

from __future__ import annotations

__all__ = ["PayloadCodec"]

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class PayloadCodec(Protocol):
    """Authenticated encryption with keys that have ids. One writes, all of them read.

    * `open` gives back what was given to `seal`, if it is asked with the same `about`: that says
      whose value it is, so that none can be put in the place of another.
    * Who seals the same twice need not get the same.
    * It may ask others, such as a key management service, and raises Unavailable if these do not
      answer; what was asked for is tried again then.
    """

    async def seal(self, data: bytes, about: bytes) -> tuple[str, bytes]:
        """The id of the key, which is no secret, and the sealed bytes."""
        ...

    async def open(self, key: str, sealed: bytes, about: bytes) -> bytes:
        """The bytes that were sealed by the key with that id.

        Raises:
            PayloadKeyMissing: there is no such key here.
            ValueError: they were not sealed by that key, or not about that, or were changed.
        """
        ...

    def fingerprints(self) -> Mapping[str, str]:
        """By the id of each key something that tells it from others, and says nothing else of it.

        The one that writes comes first.
        """
        ...

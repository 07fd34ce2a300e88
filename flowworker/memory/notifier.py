"""At-most-once messages to subscribers in this process."""

from __future__ import annotations

__all__ = ["MemoryNotifier"]

from operator import itemgetter
from typing import TYPE_CHECKING

from flowworker.core.ids import SUBJECT
from flowworker.errors import InvalidInput
from flowworker.memory.checks import check_size
from flowworker.memory.subjects import literal_prefix, matches, prefixes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.memory.home import Home


class _Subscription:
    """One subscriber."""

    def __init__(self, pattern: str, on_message: Callable[[str, bytes], None]) -> None:
        self.pattern = pattern
        self.on_message = on_message
        self.ended = False

    def deliver(self, subject: str, data: bytes) -> None:
        """Pass it on, unless they stopped listening since it was published."""
        if not self.ended:
            self.on_message(subject, data)


class MemoryNotifier:
    """The `Notifier` port.

    Subscriptions are found by the literal beginning of their pattern: thousands of clients that
    each wait for one run do not make every event cost thousands of comparisons.
    """

    def __init__(self, home: Home) -> None:
        """Start without subscribers."""
        self._home = home
        self._count = 0
        self._by_prefix: dict[str, dict[int, _Subscription]] = {}

    async def publish(
        self,
        subject: str,
        data: bytes,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002  # there are no other clients
    ) -> None:
        """Call all who subscribed.

        Raises:
            InvalidInput: the subject is a pattern, or none at all.
        """
        if SUBJECT.fullmatch(subject) is None:
            raise InvalidInput(f"not a subject that one can publish to: {subject[:150]!r}")
        check_size(subject, data)
        self.notify(subject, data)

    def notify(self, subject: str, data: bytes) -> None:
        """Call all who subscribed, in the order in which they subscribed."""
        found = [
            entry
            for prefix in prefixes(subject)
            if prefix in self._by_prefix
            for entry in self._by_prefix[prefix].items()
            if matches(entry[1].pattern, subject)
        ]
        for _, subscription in sorted(found, key=itemgetter(0)):
            self._home.soon(subscription.deliver, subject, data)

    async def subscribe(
        self,
        subject: str,
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[[], None] | None = None,  # noqa: ARG002  # nothing is
    ) -> Callable[[], object]:
        """Call with subject and data for each message; the result ends it when called."""
        self._count += 1
        number, prefix = self._count, literal_prefix(subject)
        subscription = _Subscription(subject, on_message)
        self._by_prefix.setdefault(prefix, {})[number] = subscription

        def end() -> None:
            if not subscription.ended:
                subscription.ended = True
                del self._by_prefix[prefix][number]
                if not self._by_prefix[prefix]:
                    del self._by_prefix[prefix]

        return end

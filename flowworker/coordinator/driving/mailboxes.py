"""What there is to do for each run, one thing after the other; runs do not wait for each other."""

from __future__ import annotations

__all__ = ["Mailboxes"]

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

Item = TypeVar("Item")


class Mailboxes(Generic[Item]):
    """A mailbox for each run that there is something to do for."""

    def __init__(
        self,
        spawn: Callable[[Coroutine[object, object, None]], object],
        do: Callable[[str, Item, Callable[[], None]], Awaitable[None]],
        release: Callable[[Item], None],
    ) -> None:
        """All are empty.

        Args:
            spawn: has a coroutine run beside everything else.
            do: does what is posted for a run. The next of the run has its turn when this returns,
                or calls the function that it is given.
            release: called once for each item that was posted, done or not.
        """
        self._spawn = spawn
        self._do = do
        self._release = release
        self._mailboxes: dict[str, deque[Item]] = {}
        self._closed = False

    def __contains__(self, run: str) -> bool:
        """Whether there is something to do for the run."""
        return run in self._mailboxes

    def post(self, run: str, item: Item) -> None:
        """Have that done after what was posted before."""
        mailbox = self._mailboxes.get(run)
        if mailbox is not None:
            mailbox.append(item)
            return
        self._mailboxes[run] = deque((item,))
        self._spawn(self._work(run))

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True

    def empty(self) -> None:
        """Release what was not begun, when nothing is being done any more."""
        for mailbox in self._mailboxes.values():
            for item in mailbox:
                self._release(item)

    async def _work(self, run: str) -> None:
        """Take one from a run's mailbox, and pass the mailbox on when the next may be taken."""
        item = self._mailboxes[run].popleft()
        is_mine = True

        def pass_on() -> None:
            nonlocal is_mine
            if is_mine:
                is_mine = False
                self._next(run)

        try:
            await self._do(run, item, pass_on)
        finally:
            pass_on()
            self._release(item)

    def _next(self, run: str) -> None:
        mailbox = self._mailboxes[run]
        if mailbox and not self._closed:
            self._spawn(self._work(run))
        elif not mailbox:
            del self._mailboxes[run]

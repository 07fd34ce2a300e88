"""Signals that ask a process to end, received no matter what its handlers do.

A handler may block the event loop, fork, or never return. So a thread receives the signals, through
the interpreter's wakeup descriptor, and asks the loop to drain. If the process has not ended in
time, that thread ends it: other processes take its attempts over when the leases have run out. A
second signal ends it at once.

A child that a handler forks would inherit all that: it would not die of SIGTERM, and pass it on to
us, by the descriptor. It gets the signals' usual meaning back.
"""

from __future__ import annotations

__all__ = ["EndSignals"]

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

from flowworker.cli.errors import say
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_LAST_WORDS = 0.5
"""Seconds for the log to take a last line: its reader may be gone or stuck."""


class EndSignals:
    """Receives signals from now on, until `forget` or the end of the process."""

    def __init__(
        self,
        numbers: tuple[signal.Signals, ...],
        on_asked: Callable[[], object],
        within: float | None = None,
        last: Callable[[], object] | None = None,
    ) -> None:
        """Listen. Called on the main thread, while the event loop runs.

        Args:
            numbers: which signals.
            on_asked: called at the first one, on any thread.
            within: seconds from then on after which the process ends in any case.
            last: called before the process ends at once; it must not take long.
        """
        self.asked = False
        self._numbers = numbers
        self._on_asked = on_asked
        self._within = within
        self._last = last
        self._lock = threading.RLock()
        self._on_main: int | None = None
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)  # noqa: FBT003  # takes no keyword
        self._before = {number: signal.signal(number, self._handle) for number in numbers}
        for number in numbers:
            signal.siginterrupt(number, False)  # noqa: FBT003  # takes no keyword
        # Event loops set one too, for signals that are not needed here; the later one counts.
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, name="flowworker-signals", daemon=True).start()
        self._forking = threading.local()
        os.register_at_fork(
            before=self._hold_back,
            after_in_parent=self._let_through,
            after_in_child=self._forget_in_child,
        )

    def forget(self) -> None:
        """Let signals mean what they did before."""
        for number, before in self._before.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, before)

    def _listen(self) -> None:
        while numbers := self._reader.recv(64):
            for number in numbers:
                with self._lock:
                    known, self._on_main = self._on_main == number, None
                    if number in self._numbers and not known:
                        self._hear(number)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        """On the main thread, which is signalled too; first, if it is not blocked."""
        with self._lock:
            if not self.asked:
                self._on_main = number
                self._hear(number)

    def _hear(self, number: int) -> None:
        if self.asked:
            say("stopping at once")
            self._end(128 + number)
        self.asked = True
        self._on_asked()
        if self._within is not None:
            timer = threading.Timer(self._within, self._give_up)
            timer.daemon = True
            timer.start()

    def _give_up(self) -> None:
        words = threading.Thread(
            target=get_logger().error,
            args=("the process did not end in time: what it holds is left to its leases",),
            daemon=True,
        )
        words.start()
        words.join(_LAST_WORDS)
        self._end(0)

    def _end(self, code: int) -> None:
        try:
            if self._last is not None:
                self._last()
        finally:
            os._exit(code)

    def _hold_back(self) -> None:
        """What is sent to a child at once must not meet our handlers there."""
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)

    def _let_through(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def _forget_in_child(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in self._numbers:
            if signal.getsignal(number) == self._handle:
                is_interrupt = number == signal.SIGINT
                signal.signal(
                    number, signal.default_int_handler if is_interrupt else signal.SIG_DFL
                )
        self._reader.close()
        self._writer.close()
        self._let_through()

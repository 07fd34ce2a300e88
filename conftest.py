"""What all tests start from, in whatever surroundings they are run.

A job in the background of a shell ignores SIGINT, and whatever it starts does, too.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)

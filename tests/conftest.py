"""What holds for all tests: logging is as it was before, no matter who configured it.

`uncovered` is for tests that do at length what others do in short.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

from tests.support.logs import logs

__all__ = ["logs"]  # a fixture for all

# How long an example takes says how busy the machine is
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def unconfigured_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(capture=False)


@pytest.fixture
def uncovered() -> Iterator[None]:
    """Coverage does not look, which makes it several times as fast.

    pytest-cov's `no_cover` has no effect in the processes of xdist: coverage runs twice in those.
    """
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)

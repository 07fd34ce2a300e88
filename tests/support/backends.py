"""Backends for the time of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from flowworker.ports import Backend
from flowworker.runner.backends.opening import open_memory


@asynccontextmanager
async def memory(namespace: str = "flowworker", **options: Any) -> AsyncIterator[Backend]:
    """All ports within this process."""
    backend = open_memory(namespace, **options)
    yield backend
    await backend.close()

"""Durable DAG workflows for Python on NATS JetStream."""

from __future__ import annotations

__all__: list[str] = []

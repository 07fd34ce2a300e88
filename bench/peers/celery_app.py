"""What Celery's workers import."""

from __future__ import annotations

import os

from celery import Celery

from bench.peers.with_celery import BROKER

app = Celery(broker=os.environ[BROKER], backend=os.environ[BROKER])
app.conf.update(
    task_acks_late=True,  # as flowworker: what a lost worker had begun is executed again
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
)


@app.task(name="bench.noop")  # type: ignore[untyped-decorator, unused-ignore]
def noop() -> dict[str, int]:
    """Nothing."""
    return {}

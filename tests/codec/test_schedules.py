"""What operators send about schedules."""

from __future__ import annotations

import pytest
from msgspec import ValidationError

from flowworker.codec.schedules import ScheduleCommand, decode_schedule_command
from flowworker.core.schedule import Overlap


def test_what_is_read():
    body = (
        b'{"workflow":"report","schedule":{"cron":"0 6 * * *"},"replace":true,'
        b'"overlap":"buffer_one","from":"2026-01-01T00:00:00Z","to":1767312000.5}'
    )

    assert decode_schedule_command(body) == ScheduleCommand(
        workflow="report",
        schedule={"cron": "0 6 * * *"},
        replace=True,
        overlap=Overlap.BUFFER_ONE,
        begin="2026-01-01T00:00:00Z",
        end=1767312000.5,
    )
    assert decode_schedule_command(b"{}") == ScheduleCommand()


@pytest.mark.parametrize(
    "body", [b'{"workflows":"report"}', b'{"overlap":"never"}', b'{"replace":1}', b"[]"]
)
def test_what_is_refused(body):
    with pytest.raises(ValidationError):
        decode_schedule_command(body)

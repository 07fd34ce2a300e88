"""What is secret of a run stands in no span."""

from __future__ import annotations

import pytest

from flowworker import RunFailed, parse
from tests.support.waiting import eventually

PASSWORD = "hunter2 of the test"
WORKFLOW = """
name: secret
input_schema: {properties: {password: {secret: true}}}
steps: [{id: login, uses: login}]
"""


async def test_an_exception_is_recorded_without_secrets(runner, spans):
    # Given a handler that says what it was given
    async def login(ctx):
        raise ValueError(f"not with {ctx.input['password']}")

    runner.register_handler("login", login)
    runner.register(parse(WORKFLOW))

    # When it fails
    with pytest.raises(RunFailed, match="not with «secret»"):
        await runner.execute_sync("r1", "secret", {"password": PASSWORD})
    await eventually(lambda: spans.named("run secret"))

    # Then its span has the exception, and neither it nor the run's has the secret
    [event] = spans.one("run login").events
    assert event.attributes is not None
    assert event.attributes["exception.message"] == "not with «secret»"
    assert "in login\n" in str(event.attributes["exception.stacktrace"])
    assert all(PASSWORD not in span.to_json() for span in spans.ended)

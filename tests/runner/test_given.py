"""`with`, `output` and defaults in one process, as in a fleet."""

from __future__ import annotations

import pytest

from flowworker import RunFailed, Runner, parse

FLOW = """
name: sum
input_schema: {properties: {n: {type: integer, default: 2}}, additionalProperties: true}
output: {total: "${steps.b.output}"}
steps:
- {id: a, uses: double, with: {n: "${input.n}"}}
- {id: b, uses: double, depends_on: a, with: {n: "${steps.a.output + input.more}"}}
"""


async def double(ctx, n: int):
    assert set(ctx.input) == {"n"}
    return 2 * n


@pytest.fixture
async def runner():
    async with Runner() as runner:
        runner.register_handler("double", double)
        runner.register(parse(FLOW))
        yield runner


async def test_a_result_is_what_the_workflow_says(runner):
    assert await runner.execute_sync("r1", "sum", {"more": 1}) == {"total": 10}
    assert await runner.resume_execution("r1") == {"total": 10}


async def test_what_cannot_be_evaluated_fails(runner):
    with pytest.raises(RunFailed, match=r"step 'b' failed: ExpressionError: .*no 'more'"):
        await runner.execute_sync("r1", "sum", {})

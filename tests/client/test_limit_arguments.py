"""What no limit can be."""

from __future__ import annotations

import pytest

from flowworker.errors import InvalidInput, NotFound


@pytest.mark.parametrize("concurrency", [0, 1001, -1, True])
async def test_what_no_limit_can_be(client, concurrency):
    with pytest.raises(InvalidInput, match="expected a whole number from 1 to 1,000"):
        await client.set_limit("api", concurrency)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({}, "expected `concurrency`, or `rate`, or both: nothing was said"),
        ({"rate": "fast"}, "expected a rate such as 100/s"),
        ({"rate": "0/s"}, "rate 0/s: expected 1 or more in each period, found 0"),
        ({"rate": "1/s", "burst": 0}, "burst: expected a whole number from 1 to 10,000"),
        ({"concurrency": 1, "burst": 1}, "burst: expected .* beside a rate, found 1"),
    ],
)
async def test_what_no_rate_can_be(client, said, problem):
    with pytest.raises(InvalidInput, match=problem):
        await client.set_limit("api", **said)


async def test_names_that_no_limit_can_have(client):
    with pytest.raises(InvalidInput, match="expected the name of a limit"):
        await client.set_limit("a.b", 1)
    with pytest.raises(NotFound, match="no limit 'api' is set"):
        await client.delete_limit("api")

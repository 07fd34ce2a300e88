"""What no limit can be."""

from __future__ import annotations

import pytest

from flowworker.errors import InvalidInput, NotFound


@pytest.mark.parametrize("concurrency", [0, 1001, -1, True])
async def test_what_no_limit_can_be(client, concurrency):
    with pytest.raises(InvalidInput, match="expected a whole number from 1 to 1,000"):
        await client.set_limit("api", concurrency)


async def test_names_that_no_limit_can_have(client):
    with pytest.raises(InvalidInput, match="expected the name of a limit"):
        await client.set_limit("a.b", 1)
    with pytest.raises(NotFound, match="no limit 'api' is set"):
        await client.delete_limit("api")

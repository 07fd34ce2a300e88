"""JetStream answers with its own rights: nobody may have it answer where they may not write."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from flowworker.embedded import EmbeddedServer
from integration.security.accounts import ROLES, SECRET, as_role, connected
from integration.security.acts import TARGETS, carriers
from integration.security.seeds import NAMESPACE, OTHER, sow
from integration.security.state import changed, settled, state

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("role", [role for role in ROLES if carriers(role)])
async def test_an_answer_reaches_nothing_that_is_not_theirs(house, role):
    user = house.users[role]
    before = await state(house.admin, NAMESPACE, OTHER)

    own: set[str] = set()
    for carrier in carriers(role):
        await user.request(carrier.subject, carrier.body, 10, old_style=True)  # it is their right
        for target in (*TARGETS, *house.acks.values()):
            await user.publish(carrier.subject, carrier.body, reply=target)
        own |= {carrier.subject, *carrier.own}
    await user.flush()
    await settled(house.admin, NAMESPACE, OTHER)

    assert changed(before, await state(house.admin, NAMESPACE, OTHER)) <= own


@pytest.fixture
def shared(tmp_path) -> Iterator[EmbeddedServer]:
    """A server with one account, in which permissions alone tell users apart."""
    mine = {"publish": ["$KV.flowworker_runs.step.default.>"], "subscribe": ["_INBOX.worker.>"]}
    users = [
        {"user": "administrator", "password": SECRET},
        {"user": "worker", "password": SECRET, "permissions": mine},
    ]
    with EmbeddedServer(
        store=tmp_path, config=f"authorization: {json.dumps({'users': users})}"
    ) as running:
        for namespace in (NAMESPACE, OTHER):
            as_role(running, "administrator")("setup", "--namespace", namespace)
        yield running


async def test_within_one_account_it_reaches_what_is_not_theirs(shared):
    """Why each role has an account of its own: permissions do not apply to answers."""
    admin, worker = await connected(shared, "administrator"), await connected(shared, "worker")
    await sow(admin)
    before = await state(admin, NAMESPACE)

    own, foreign = "$KV.flowworker_runs.step.default.any.x", "$KV.flowworker_runs.run.r1"
    await worker.publish(own, b"x", reply=foreign)
    await worker.flush()
    await settled(admin, NAMESPACE)

    assert foreign in changed(before, await state(admin, NAMESPACE))
    await worker.close()
    await admin.close()

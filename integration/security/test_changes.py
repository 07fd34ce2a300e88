"""Nobody changes by a message of their own what is not theirs to change."""

from __future__ import annotations

import pytest

from integration.security.accounts import ROLES, connected
from integration.security.acts import CHANGES, OWNERS
from integration.security.seeds import NAMESPACE, OTHER, sow
from integration.security.state import changed, settled, state

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_changes_nothing_that_is_not_theirs(house, role):
    user = house.users[role]
    before = await state(house.admin, NAMESPACE, OTHER)

    for act in CHANGES:
        if role in act.may:
            continue
        for reply in ("", user.new_inbox()):
            await user.publish(act.subject, act.data, reply=reply, headers=act.headers or None)
    await user.flush()
    await settled(house.admin, NAMESPACE, OTHER)

    assert changed(before, await state(house.admin, NAMESPACE, OTHER)) == set()


@pytest.mark.parametrize("role", ROLES)
async def test_a_foreign_message_is_neither_acknowledged_nor_terminated(house, role):
    user = house.users[role]
    before = await state(house.admin, NAMESPACE)

    for consumer, short in house.acks.items():
        if role == OWNERS[consumer]:
            continue
        long = short.replace("$JS.ACK.", "$JS.ACK._.QfPxyz.") + ".token"
        for subject in (short, long):
            for word in (b"+ACK", b"+TERM", b"-NAK", b"+NXT", b"+WPI"):
                await user.publish(subject, word, reply=user.new_inbox())
    await user.flush()
    await settled(house.admin, NAMESPACE)

    assert changed(before, await state(house.admin, NAMESPACE)) == set()


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("worker-default", "$KV.flowworker_runs.step.default.r1.first"),
        ("worker-default", "$KV.flowworker_payloads.r1.default.first.abc.0"),
        ("worker-default", "$KV.flowworker_locks.lock.order"),
        ("worker-default", "flowworker.event.0.r1.default.workflow.step.completed"),
        ("starter", "$KV.flowworker_payloads.r1.upload.abc.def.0"),
        ("starter", "flowworker.start.sum"),
        ("operator", "flowworker.control.cancel.r1"),
        ("registrar", "$KV.flowworker_definitions.def.abc"),
    ],
)
async def test_what_is_theirs_to_write_does_not_take_the_rest_with_it(house, role, subject):
    """A message that says so replaces all of a stream, if that allows it."""
    before = await state(house.admin, NAMESPACE)

    for what in ("all", "sub"):
        answer = await house.users[role].request(
            subject, b"forged", 10, headers={"Nats-Rollup": what}
        )
        assert b"rollup not permitted" in answer.data

    assert changed(before, await state(house.admin, NAMESPACE)) == set()


async def test_without_accounts_each_of_them_is_a_change(plain):
    """That the acts above are refused says something only if they would have an effect."""
    anybody = await connected(plain, "anybody")
    acks = await sow(anybody)
    before = await state(anybody, NAMESPACE, OTHER)

    for subject in acks.values():
        await anybody.publish(subject, b"+TERM")
        await anybody.flush()
        await settled(anybody, NAMESPACE)
        after = await state(anybody, NAMESPACE, OTHER)
        assert changed(before, after), subject
        before = after
    for act in CHANGES:
        answer = await anybody.request(act.subject, act.data, 10, headers=act.headers or None)
        after = await state(anybody, NAMESPACE, OTHER)
        assert changed(before, after), (act, answer.data)
        before = after
    await anybody.close()

"""Nobody reads or hears what is not for them, nor says what others would believe."""

from __future__ import annotations

import asyncio
import base64

import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from integration.security.accounts import ROLES, connected
from integration.security.seeds import SAID, sow
from integration.security.views import HEARD_BY, READS, SPOKEN, View
from tests.support.waiting import eventually, quiet_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENOUGH = 0.2
"""Seconds in which an answer that will come has come: silence has no other sign."""


async def answers(client: Client, view: View) -> bool:
    """Whether the answer has in it what is stored."""
    with_it = (SAID, base64.b64encode(SAID))
    try:
        got = await client.request(view.subject, view.data, ENOUGH, old_style=True)
    except (NoRespondersError, NatsTimeoutError):
        return False
    return any(text in got.data for text in with_it)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_reads_what_it_may_and_nothing_else(house, role):
    theirs = [view for view in READS if role in view.may]
    others = [view for view in READS if role not in view.may]

    assert [view for view in theirs if not await answers(house.users[role], view)] == []
    found = await asyncio.gather(*(answers(house.users[role], view) for view in others))
    assert [view for view, read in zip(others, found, strict=True) if read] == []


async def test_without_accounts_each_of_them_can_be_read(plain):
    anybody = await connected(plain, "anybody")
    await sow(anybody)
    for subject in ("$KV.flowworker_definitions.def.x", "flowworker.control.cancel.r2"):
        await anybody.request(subject, SAID, 10)

    waiting = [view for view in READS if "MSG.NEXT" not in view.request]
    assert [view for view in waiting if not await answers(anybody, view)] == []
    await anybody.close()


PATTERNS = (
    *(">", "*", "*.>", "_INBOX.>", "_INBOX.*", "$KV.>", "$JS.>", "$JS.ACK.>", "$JS.API.>"),
    *("$SYS.>", "_R_.>", "flowworker.>", "workflow.>", "order.>", "other.>"),
    *("flowworker.event.>", "flowworker.cancel.*", "flowworker.cancel.>", "flowworker.step.>"),
    *("flowworker.start.>", "flowworker.lease.free.>", "flowworker.lease.free.lock.>"),
    *(f"_INBOX.{role}.>" for role in (*ROLES, "coordinator", "administrator")),
)


async def test_each_hears_what_is_for_them_and_nothing_else(house):
    heard: dict[str, set[str]] = {role: set() for role in ROLES}
    for role, user in house.users.items():
        for pattern in PATTERNS:

            async def note(message, heard=heard[role]):
                heard.add(message.subject)

            await user.subscribe(pattern, cb=note)
        await user.flush()

    for subject in SPOKEN:
        await house.admin.publish(subject, SAID)
    await house.admin.flush()
    for user in house.users.values():
        await user.flush()
    wanted = {role: {one for one, may in SPOKEN.items() if role in may} for role in ROLES}
    await eventually(lambda: all(wanted[role] <= heard[role] for role in ROLES))
    await quiet_for(ENOUGH)

    assert {role: found & SPOKEN.keys() for role, found in heard.items()} == wanted


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_says_to_others_what_is_not_theirs_to_say(house, role):
    heard: list[tuple[str, str]] = []
    listeners = {"administrator": house.admin, **house.users}
    del listeners[role]
    subscriptions = []
    for name, listener in listeners.items():

        async def note(message, name=name):
            heard.append((name, message.subject))

        patterns = (">",) if name == "administrator" else PATTERNS
        subscriptions += [await listener.subscribe(pattern, cb=note) for pattern in patterns]
        await listener.flush()

    for subject in HEARD_BY:
        await house.users[role].publish(subject, b"forged")
    await house.users[role].flush()
    for listener in listeners.values():
        await listener.flush()
    await quiet_for(ENOUGH)

    said = {subject for _, subject in heard} & HEARD_BY.keys()
    assert said == {subject for subject, may in HEARD_BY.items() if role in may}
    for subscription in subscriptions:
        await subscription.unsubscribe()

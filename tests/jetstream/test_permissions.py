"""What is said about a right that is missing."""

from __future__ import annotations

import pytest

from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.permissions import Refusal, refusal_in, user_of


@pytest.mark.parametrize(
    ("subject", "permission"),
    [
        ("$JS.ACK.FLOWWORKER_STEPS.step-a-low.1.22.3.1700000000.0",
         "$JS.ACK.FLOWWORKER_STEPS.step-a-low.>"),
        ("$JS.ACK.hub.QfPx.FLOWWORKER_STEPS.step-a-low.1.22.3.1700000000.0.x1",
         "$JS.ACK.*.*.FLOWWORKER_STEPS.step-a-low.>"),
        ("$KV.flowworker_runs.step.gpu.run-1.a.b", "$KV.flowworker_runs.step.gpu.>"),
        ("$KV.flowworker_runs.run.run-1", "$KV.flowworker_runs.run.>"),
        ("$KV.flowworker_payloads.run-1.gpu.a.123.0", "$KV.flowworker_payloads.*.gpu.>"),
        ("$KV.flowworker_locks.lock.order.7", "$KV.flowworker_locks.lock.>"),
        ("$KV.flowworker_locks.present.worker.gpu.host-1",
         "$KV.flowworker_locks.present.worker.gpu.*"),
        ("$KV.flowworker_locks.present.coordinator.host-1",
         "$KV.flowworker_locks.present.coordinator.*"),
        ("$JS.API.DIRECT.GET.KV_flowworker_locks.$KV.flowworker_locks.present.worker.gpu.host-1",
         "$JS.API.DIRECT.GET.KV_flowworker_locks.$KV.flowworker_locks.present.>"),
        ("$JS.API.DIRECT.GET.KV_flowworker_runs.$KV.flowworker_runs.step.gpu.run-1.a",
         "$JS.API.DIRECT.GET.KV_flowworker_runs.$KV.flowworker_runs.step.gpu.>"),
        ("flowworker.event.3.run-1.gpu.workflow.step.completed", "flowworker.event.*.*.gpu.>"),
        ("flowworker.start.order.fulfil", "flowworker.start.>"),
        ("flowworker.lease.free.lock.x", "flowworker.lease.free.>"),
        ("flowworker.cancel.run-1", "flowworker.cancel.*"),
        ("_INBOX.gpu.OolbITGWYF2etjbew9bfR8.7", "_INBOX.gpu.>"),
        ("_INBOX.OolbITGWYF2etjbew9bfR8.*", "_INBOX.>"),
        ("$JS.API.STREAM.INFO.FLOWWORKER_STEPS", "$JS.API.STREAM.INFO.FLOWWORKER_STEPS"),
    ],
)  # fmt: skip
def test_the_permission_to_add_fits_all_messages_of_the_kind(subject, permission):
    assert Refusal(publish=True, subject=subject).permission == permission


def test_the_line_names_user_subject_and_remedy():
    refusal = refusal_in("""-ERR 'Permissions Violation for Publish to "flowworker.start.Sum"'""")

    assert refusal == Refusal(publish=True, subject="flowworker.start.Sum")
    assert str(refusal.error(ConnectionOptions(user="viewer"))) == (
        "user 'viewer' may not publish to flowworker.start.Sum: add \"flowworker.start.>\" to its "
        "publish permissions (docs/how-to/secure.md)"
    )


def test_an_inbox_that_is_refused_may_only_lack_its_prefix():
    refusal = refusal_in("""-ERR 'Permissions Violation for Subscription to "_INBOX.x.*"'""")

    assert refusal is not None
    text = str(refusal.error(ConnectionOptions(user="viewer")))
    assert "to its subscribe permissions, or give the prefix that it has: --inbox-prefix" in text


def test_other_errors_are_no_refusals():
    assert refusal_in("-ERR 'Stale Connection'") is None


@pytest.mark.parametrize(
    ("options", "user"),
    [
        (ConnectionOptions(user="ann", password="x"), "user 'ann'"),
        (ConnectionOptions(url="nats://bob:secret@a:1,nats://b:1"), "user 'bob'"),
        (ConnectionOptions(creds="/etc/worker.creds"), "the user of /etc/worker.creds"),
        (ConnectionOptions(nkey="/etc/seed"), "the user of /etc/seed"),
        (ConnectionOptions(token="secret"), "the user of this token"),
        (ConnectionOptions(), "a user without credentials"),
    ],
)
def test_a_user_is_named_without_secrets(options, user):
    assert user_of(options) == user

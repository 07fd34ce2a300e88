"""A fleet from outside, as a user's type checker sees it: clients, results, views, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

from flowworker import (
    AttemptView,
    BlockingClient,
    Client,
    Conflict,
    ConnectionOptions,
    ConversionError,
    CoordinatorView,
    CorruptRecord,
    DefinitionError,
    Diagnosis,
    EmbeddedServer,
    EventType,
    ExpressionError,
    FlowworkerError,
    HandlerNotFound,
    HolderView,
    HumanAction,
    InvalidInput,
    LimitView,
    LockTimeoutError,
    NamespaceNotFound,
    NewerRelease,
    NotFound,
    OccurrenceState,
    OccurrenceView,
    Overlap,
    PayloadCodec,
    PayloadKeyMissing,
    PayloadTooLarge,
    PayloadView,
    PermissionDenied,
    Priority,
    Problem,
    Reason,
    ReasonKind,
    RerunView,
    ResultTimeout,
    RunCancelled,
    RunFailed,
    RunIdTaken,
    RunNotFound,
    RunPage,
    RunRefused,
    RunResult,
    RunStatus,
    RunSummary,
    RunView,
    Schedule,
    ScheduleIdTaken,
    ScheduleView,
    ServerUnavailable,
    Settings,
    StepDiagnosis,
    StepStatus,
    StepView,
    TopologyMismatch,
    TopologyOptions,
    Unavailable,
    WaiterPage,
    WaiterView,
    WorkerView,
    Workflow,
    WorkflowNotFound,
    connect,
)
from flowworker.acts import Acted, Cancel, Outcome, Pause, Resume, Retry, Signal, Unpause
from flowworker.client import PauseView

OPTIONS = ConnectionOptions(url="nats://127.0.0.1:4222", creds="fleet.creds")
TOPOLOGY = TopologyOptions(replicas=3, durability="machine")


async def outside(workflow: Workflow) -> None:
    with EmbeddedServer(port=4222, store=Path("data")) as server:
        assert_type(server, EmbeddedServer)
        assert_type(server.url, str)
    async with connect(OPTIONS, namespace="shop", settings=Settings(lease=10.0)) as client:
        assert_type(client, Client)
        await definitions(client, workflow)
        await schedules(client, workflow)
        await limits(client)
        await runs(client)


async def definitions(client: Client, workflow: Workflow) -> None:
    assert_type(await client.register(workflow), str)
    assert_type(await client.register_all([workflow]), list[str])
    assert_type(await client.definition("order.fulfil"), Workflow)
    assert_type(await client.definitions(), list[str])
    await client.register("order.yaml")  # type: ignore[arg-type]


async def runs(client: Client) -> None:
    run = await client.start("order.fulfil", {"order_id": 7}, priority=Priority.HIGH)
    assert_type(run, str)
    assert_type(await client.run("order.fulfil", run_id="order-7", timeout=10), RunResult)
    assert_type(await client.history(run), list[dict[str, Any]])
    await client.cancel(run, reason="not needed")
    await client.terminate(run)
    await client.pause(run, "the bank is down", actor="ops")
    await client.unpause(run, actor="ops")
    assert_type(await client.pause_queue("bank", "it is down", actor="ops"), PauseView)
    assert_type(await client.paused_queues(), dict[str, PauseView])
    await client.unpause_queue("bank", actor="ops")
    assert_type(await client.pause_workflow("order", "it is down", actor="ops"), PauseView)
    assert_type(await client.paused_workflows(), dict[str, PauseView])
    await client.unpause_workflow("order", actor="ops")
    await client.resume(run, HumanAction.COMPLETE, step="charge", output={"amount": 890})
    await client.resume(run, "retry")
    planned = await client.plan_rerun(run, from_step="charge", latest=True)
    assert_type(planned, RerunView)
    assert_type(planned.steps[0].kept, bool)
    assert_type(await client.rerun(run, from_step="charge", input={"order_id": 8}), str)
    assert_type(await client.retry(run, new_id="order-8"), str)
    async for event in client.watch(run):
        assert_type(event, dict[str, Any])
        assert EventType(event["type"]) is EventType.STARTED
    seen(await client.result(run, timeout=10), await client.status(run), await client.list())
    async for acted in client.act_on([run], Cancel("sold out"), rate=10, dry_run=True):
        assert_type(acted, Acted)
        assert_type(acted.outcome, Outcome)
    client.act_on([run], "cancel")  # type: ignore[arg-type]
    page = await client.find("state=failed", 20, cursor="", children=False)
    assert_type(page, RunPage)
    assert_type(page.runs, tuple[RunSummary, ...])
    client.start("order.fulfil").upper()  # type: ignore[attr-defined]
    await client.list(workflow=RunStatus.FAILED, status="order.fulfil")  # type: ignore[arg-type]


async def schedules(client: Client, workflow: Workflow) -> None:
    labels = {"day": "${schedule.time}"}
    made = await client.create_schedule(
        "nightly", "order.fulfil", {"n": 1}, cron="0 2 * * *", labels=labels
    )
    assert_type(made.labels, dict[str, str])
    assert_type(made, ScheduleView)
    assert_type(made.overlap, Overlap)
    assert_type(await client.schedules(), list[ScheduleView])
    assert_type((await client.schedule("nightly")).recent[0], OccurrenceView)
    await client.create_schedule("often", "order.fulfil", every="15m", overlap=Overlap.ALLOW_ALL)
    await client.pause_schedule("nightly", reason="holidays")
    await client.unpause_schedule("nightly")
    assert_type((await client.trigger_schedule("nightly")).state, OccurrenceState)
    between = ("2030-01-01T00:00:00Z", "2030-01-31T00:00:00Z")
    assert_type(await client.backfill_schedule("nightly", *between), list[str])
    await client.delete_schedule("nightly")
    assert_type(workflow.schedules, tuple[Schedule, ...])
    await client.create_schedule("nightly", "w", evry="1h")  # type: ignore[call-arg]


async def limits(client: Client) -> None:
    assert_type(await client.set_limit("stripe-api", 10), LimitView)
    assert_type(await client.set_limit("mail", rate="100/s", burst=20), LimitView)
    assert_type(await client.limits(), list[LimitView])
    assert_type((await client.limit("stripe-api")).holders, tuple[HolderView, ...])
    page = await client.limit_waiting("stripe-api", limit=10, cursor="")
    assert_type(page, WaiterPage)
    assert_type(page.waiting, tuple[WaiterView, ...])
    await client.delete_limit("stripe-api")
    await client.set_limit("stripe-api", "10")  # type: ignore[arg-type]


def blocking(workflow: Workflow) -> None:
    with BlockingClient(OPTIONS, namespace="shop") as client:
        assert_type(client, BlockingClient)
        assert_type(client.register(workflow), str)
        run = client.start("order.fulfil", {"order_id": 7}, priority="high", labels={"team": "a"})
        assert_type(run, str)
        assert_type(client.run("order.fulfil"), RunResult)
        seen(client.result(run, timeout=10), client.status(run), client.list(RunStatus.FAILED))
        assert_type(client.retry(run), str)
        assert_type(client.step(run, "charge"), StepView)
        assert_type(client.output_of(run, "charge", iteration=2), bytes)
        assert_type(client.find().cursor, str)
        assert_type(client.workers(), list[WorkerView])
        assert_type(client.coordinators(), list[CoordinatorView])
        assert_type(client.act_on([run], Retry()), list[Acted])
        assert_type(client.act_on([run], Pause("the bank is down")), list[Acted])
        assert_type(client.act_on([run], Unpause(actor="ops")), list[Acted])
        assert_type(client.act_on([run], Resume("skip", "charge")), list[Acted])
        assert_type(client.act_on([run], Signal("paid", {"amount": 890})), list[Acted])
        reasons(client.why(run))
        client.start("order.fulfil", identity="order-7")  # type: ignore[call-arg]
        client.watch(run)  # type: ignore[attr-defined]


def seen(result: RunResult, run: RunView, found: list[RunSummary]) -> None:
    assert_type(result.raise_for_status(), RunResult)
    assert_type(result.status, RunStatus)
    assert_type(result.output, dict[str, Any])
    assert_type(result.failed_compensations, tuple[str, ...])
    assert_type(run.steps, tuple[StepView, ...])
    assert_type(run.steps[0].status, StepStatus)
    assert_type(run.steps[0].attempts, tuple[AttemptView, ...])
    assert_type(run.steps[0].output, PayloadView | None)
    assert_type(run.waiting, tuple[str, ...])
    assert_type([each.created_at for each in found], list[float])
    assert_type(found[0].labels, dict[str, str])
    result.status = RunStatus.COMPLETED  # type: ignore[misc]


def reasons(found: Diagnosis) -> None:
    assert_type(found.children, tuple[Diagnosis, ...])
    assert_type(found.steps, tuple[StepDiagnosis, ...])
    assert_type(found.steps[0].reasons, tuple[Reason, ...])
    assert_type(found.reasons[0].kind, ReasonKind)


def what_it_says(error: FlowworkerError) -> str:
    """Each error is caught as itself, and by what it is a kind of."""
    try:
        raise error
    except DefinitionError as wrong:
        assert_type(wrong.problems, tuple[Problem, ...])
        return wrong.problems[0].hint
    except NewerRelease as newer:
        return newer.key
    except ExpressionError as failed:
        assert_type(failed.names, tuple[str, ...])
        return failed.expression + failed.cause
    except CorruptRecord as corrupt:
        return f"{corrupt.key}: {corrupt.raw!r}"
    except (RunFailed, RunCancelled, ResultTimeout) as ended:
        return str(ended)
    except (Conflict, LockTimeoutError, TopologyMismatch) as refused:
        return str(refused)
    except Unavailable as away:
        return str(away)
    except NotFound as missing:
        return str(missing)
    except InvalidInput as unfit:
        return str(unfit)


MISSING: list[NotFound] = [
    RunNotFound("run"),
    WorkflowNotFound("workflow"),
    HandlerNotFound("handler"),
    NamespaceNotFound("namespace"),
]
UNFIT: list[InvalidInput] = [
    RunIdTaken("run"),
    RunRefused("run"),
    ScheduleIdTaken("schedule"),
    ConversionError("value"),
    PayloadTooLarge("output"),
]
AWAY: list[Unavailable] = [
    ServerUnavailable("server"),
    PermissionDenied("subject"),
    PayloadKeyMissing("k2", known=["k1"]),
]
FOREIGN: NotFound = Unavailable("server")  # type: ignore[assignment]


class Reversing:
    """A codec of a user's own; nothing is to be inherited."""

    async def seal(self, data: bytes, about: bytes) -> tuple[str, bytes]:
        return "k1", data[::-1]

    async def open(self, key: str, sealed: bytes, about: bytes) -> bytes:
        if key != "k1":
            raise PayloadKeyMissing(key, ["k1"])
        return sealed[::-1]

    def fingerprints(self) -> dict[str, str]:
        return {"k1": "reversed"}


OWN: PayloadCodec = Reversing()
HALF: PayloadCodec = object()  # type: ignore[assignment]

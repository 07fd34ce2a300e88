"""What KEDA is asked for, and that a real server has what it then reads."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import nats
import pytest
from click.testing import CliRunner

from bench.ports import free_port
from deploy.checks.kubernetes.chart import container, render
from flowworker.cli import cli
from flowworker.embedded import EmbeddedServer

APP = "shop.handlers:app"


def scaled(own, **values):
    queues = {"gpu": {"app": APP, "autoscaling": {"enabled": True, **own}}}
    return render({"queues": queues, **values})


def scaling(own, **values):
    return scaled(own, **values).one("ScaledObject", "shop-flowworker-worker-gpu")["spec"]


def test_where_the_monitoring_port_is():
    keda = {"monitoringEndpoint": "nats-headless.nats.svc:9222", "useHttps": True, "account": "A"}

    for trigger in scaling({}, keda=keda)["triggers"]:
        told = trigger["metadata"]
        assert told["natsServerMonitoringEndpoint"] == keda["monitoringEndpoint"]
        assert told["useHttps"] == "true"
        assert told["account"] == "A"


def test_one_trigger_per_lane():
    triggers = scaling({})["triggers"]

    assert [trigger["name"] for trigger in triggers] == ["high", "normal", "low"]
    for trigger in triggers:
        assert trigger["type"] == "nats-jetstream"
        assert trigger["metadata"] == {
            "natsServerMonitoringEndpoint": "nats-headless.flow.svc:8222",
            "useHttps": "false",
            "account": "$G",
            "stream": "FLOWWORKER_STEPS",
            "consumer": f"step-gpu-{trigger['name']}",
            "lagThreshold": "64",
            "activationLagThreshold": "0",
        }


def test_lanes_are_summed_up_and_divided_by_what_a_worker_takes():
    modifiers = scaling({})["advanced"]["scalingModifiers"]

    assert modifiers == {
        "formula": "high + normal + low",
        "target": "64",
        "activationTarget": "0",
        "metricType": "AverageValue",
    }


def test_a_lane_of_shards_is_the_sum_of_one_in_each():
    made = scaling({"formula": "2 * high + normal"}, streams={"shards": 3})

    found = {one["name"]: one["metadata"] for one in made["triggers"]}
    assert len(found) == 9
    assert found["low"]["stream"] == "FLOWWORKER_STEPS"
    assert found["low_2"]["stream"] == "FLOWWORKER_STEPS_2"
    assert found["low_2"]["consumer"] == "step-gpu-low"
    assert made["advanced"]["scalingModifiers"]["formula"] == (
        "2 * (high + high_1 + high_2) + (normal + normal_1 + normal_2)"
    )


def test_values_of_scaling():
    own = {
        "minReplicas": 0,
        "maxReplicas": 7,
        "target": 12.5,
        "formula": "2 * high + normal",
        "pollingInterval": 5,
        "cooldownPeriod": 60,
        "behavior": {"scaleUp": {"stabilizationWindowSeconds": 10}},
    }
    spec = scaling(own)

    assert spec["minReplicaCount"] == 0
    assert spec["maxReplicaCount"] == 7
    assert spec["advanced"]["scalingModifiers"]["target"] == "12.5"
    assert spec["advanced"]["scalingModifiers"]["formula"] == "2 * high + normal"
    assert spec["pollingInterval"] == 5
    assert spec["cooldownPeriod"] == 60
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleUp"] == {"stabilizationWindowSeconds": 10}
    assert spec["fallback"]["replicas"] == 1


def test_the_target_follows_the_concurrency():
    queues = {"gpu": {"app": APP, "concurrency": 2, "autoscaling": {"enabled": True}}}
    rendered = render({"queues": queues})

    [made] = rendered.of("ScaledObject")
    assert made["spec"]["advanced"]["scalingModifiers"]["target"] == "2"


def test_what_is_scaled_has_no_number_of_its_own():
    rendered = scaled({})

    assert "replicas" not in rendered.worker("gpu")["spec"]
    [made] = rendered.of("ScaledObject")
    assert made["spec"]["scaleTargetRef"] == {"name": rendered.worker("gpu")["metadata"]["name"]}


@pytest.fixture(scope="module")
def server():
    port = free_port()
    with EmbeddedServer(config=f"http: 127.0.0.1:{port}\n") as running:
        yield running, port


def looked_at(port, trigger):
    """What KEDA takes for the lag, by the way that it takes; None if it finds no such consumer."""
    told = trigger["metadata"]
    url = f"http://127.0.0.1:{port}/jsz?acc={told['account']}&consumers=true&config=true"
    with urllib.request.urlopen(url) as answer:
        accounts = json.load(answer)["account_details"]
    for account in accounts:
        if account["name"] == told["account"]:
            for stream in account.get("stream_detail", []):
                if stream["name"] == told["stream"]:
                    for consumer in stream["consumer_detail"]:
                        if consumer["name"] == told["consumer"]:
                            return consumer["num_pending"] + consumer["num_ack_pending"]
    return None


def test_the_setup_job_makes_what_the_triggers_name(server):
    running, port = server
    rendered = scaled({}, fleetNamespace="shop-1")
    [made] = rendered.of("ScaledObject")
    triggers = made["spec"]["triggers"]
    assert [looked_at(port, trigger) for trigger in triggers] == [None, None, None]

    told = {**rendered.environment(rendered.setup), "FLOWWORKER_NATS_URL": running.url}
    done = CliRunner().invoke(cli, container(rendered.setup)["args"], env=told)
    assert done.exit_code == 0, done.output
    assert [looked_at(port, trigger) for trigger in triggers] == [0, 0, 0]

    asyncio.run(fill(running.url, "shop-1.step.gpu.normal", 3))
    assert [looked_at(port, trigger) for trigger in triggers] == [0, 3, 0]


async def fill(url, lane, number):
    """Let steps wait in a lane."""
    client = await nats.connect(url)
    for step in range(number):
        await client.jetstream().publish(f"{lane}.run.{step}", b"{}")
    await client.close()

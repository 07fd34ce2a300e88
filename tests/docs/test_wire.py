"""The page on what is on the wire, held against the code."""

from __future__ import annotations

from flowworker.codec import messages
from flowworker.codec.subjects import CommandLane
from flowworker.core.status import Priority
from flowworker.jetstream import Names, TopologyOptions
from flowworker.jetstream.topology.specs import consumer_specs, stream_specs
from flowworker.settings import Settings
from tests.docs.pages import column, table, words


def test_streams_and_consumers():
    names = Names("flowworker")
    specs = {spec.name: spec.config for spec in stream_specs(names, TopologyOptions())}

    def ours(text):
        return text.replace("<NS>", "FLOWWORKER").replace("<ns>", "flowworker")

    rows = table("wire.md", "Streams")
    described = {ours(words(r["stream"])[0]): [ours(s) for s in words(r["subjects"])] for r in rows}
    assert described == {name: config["subjects"] for name, config in specs.items()}
    known = {
        "starts": consumer_specs.commands(names, CommandLane.STARTS),
        "controls": consumer_specs.commands(names, CommandLane.CONTROLS),
        "timers": consumer_specs.timers(names.first),
        "scheduler-<partition>": consumer_specs.scheduler(names, Settings(), 0),
        "step-<queue>-<priority>": consumer_specs.lane(names.first, Settings(), "q", Priority.HIGH),
    }
    rows = table("wire.md", "Consumers")
    where = {words(row["consumer"])[0]: ours(words(row["stream"])[0]) for row in rows}
    assert where == {name: spec.stream for name, spec in known.items()}


def test_headers_actions_and_results():
    known = {messages.MSG_ID, messages.FLOW_REPLY, messages.FLOW_PRIORITY, messages.FLOW_INPUT}
    known |= {messages.FLOW_LABELS, messages.FLOW_START_AT, messages.FLOW_DELAY}
    known |= {messages.TRACE_PARENT}
    assert set(column(table("wire.md", "Start"), "header")) == known
    assert column(table("wire.md", "Control"), "action") == list(messages.CONTROL_ACTIONS)
    fields = {field for row in table("wire.md", "Result") for field in words(row["field"])}
    assert fields == set(messages.Result.__struct_fields__)

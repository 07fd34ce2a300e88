"""Whatever a fleet of version 1 wrote is read by this release, and would be written the same."""

from __future__ import annotations

import re
from collections import defaultdict
from enum import Enum
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from flowworker.codec.cloudevents import CloudEvent
from flowworker.codec.json import encode
from flowworker.codec.limits import LimitCommand, Waiting
from flowworker.codec.messages import (
    FLOW_INPUT,
    FLOW_LABELS,
    FLOW_PRIORITY,
    FLOW_REPLY,
    MSG_ID,
    TRACE_PARENT,
    CancelNotice,
    ControlCommand,
    Link,
    Result,
    StepMessage,
)
from flowworker.codec.pauses import PauseCommand
from flowworker.codec.schedules import ScheduleCommand
from flowworker.core.limit import LimitRecord
from flowworker.core.occurrence import ScheduleRecord
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.standing import PauseRecord
from tests.recorded.files import Message
from tests.recorded.kinds import KINDS, REFUSED, Kind
from tests.recorded.recording import RECORDINGS, Recording
from tests.recorded.structs import stated, within

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
WIRE = ROOT / "docs/reference/wire.md"

TYPES = (
    *(CloudEvent, StepMessage, Link, RunRecord, StepRecord),
    *(Result, ControlCommand, CancelNotice, ScheduleCommand, ScheduleRecord),
    *(PauseCommand, PauseRecord),
    *(LimitCommand, LimitRecord, Waiting),
)
ONCE = tuple(kind for kind in KINDS if "republished" not in kind.name)
"""Without what repeats stored events (a test shows that it does)."""
CONSTANTS = {"v", "specversion", "datacontenttype", "sealed", "follows", "draining"}
"""Fields that never have another value than their default, in a fleet that neither seals nor traces
anything, and drains in no time."""

MESSAGES = [each for recording in RECORDINGS for each in recording.messages]


def of_kind(kind: Kind) -> list[Message]:
    return [each for each in MESSAGES if kind.has(each) and each.subject != REFUSED]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_of_message_is_recorded_read_and_written_as_it_was(kind: Kind):
    found = of_kind(kind)

    assert found
    for each in found:
        value = kind.read(each)
        assert value is not None or each.data == b""
        if kind.rewritten:
            assert encode(value) == each.data


def test_each_message_is_of_one_kind():
    for each in MESSAGES:
        assert len([kind for kind in KINDS if kind.has(each)]) == 1, each.subject


def test_what_was_refused_then_is_refused():
    refused = [each for each in MESSAGES if each.subject == REFUSED]
    (kind,) = (kind for kind in KINDS if kind.has(refused[0]))

    for each in refused:
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            kind.read(each)


@pytest.mark.parametrize("recording", RECORDINGS, ids=repr)
def test_nothing_that_was_stored_is_missing(recording: Recording):
    streams = {each.stream for each in recording.messages} - {""}

    assert len([name for name in streams if "flowworker" in name.lower()]) == 7
    for stream in streams:
        found = recording.stored(stream)
        assert [each.sequence for each in found] == list(range(1, len(found) + 1)), stream


def test_every_field_and_every_value_of_an_enumeration_is_recorded():
    used: dict[type[msgspec.Struct], set[str]] = defaultdict(set)
    values: dict[type[Enum], set[Enum]] = defaultdict(set)
    for kind in ONCE:
        for each in of_kind(kind):
            for value in within(kind.read(each)):
                if isinstance(value, Enum):
                    values[type(value)].add(value)
                else:
                    used[type(value)].update(stated(value))

    assert used.keys() >= {*TYPES}
    for struct, names in used.items():
        assert names >= {*struct.__struct_fields__} - CONSTANTS, struct
    assert len(values) == 13
    for enumeration, found in values.items():
        assert found == {*enumeration}, enumeration


def test_every_header_is_recorded():
    seen = {name for each in MESSAGES for name in each.headers}

    assert seen >= {
        FLOW_INPUT,
        FLOW_LABELS,
        FLOW_PRIORITY,
        FLOW_REPLY,
        MSG_ID,
        TRACE_PARENT,
        "Nats-TTL",
    }


UNRECORDED = {"looked.<partition>", "outbox.<run>.<digest>"}
"""Where durability is `power`, which the recorded fleet has not chosen."""


def test_all_subjects_and_keys_that_are_documented_are_recorded():
    names = {each.subject for each in MESSAGES}
    spans = set(re.findall(r"`([$<a-z][\w$<>.]*[\w>])`", WIRE.read_text()))
    documented = [span for span in spans if "<" in span and "." in span]

    assert len(documented) > 25
    for span in {*documented} - UNRECORDED:
        pattern = re.sub(r"<(\w+|\.\.\.)>", "ANY", span).replace(">", "ANY")
        pattern = re.escape(pattern).replace("ANY", ".+")
        assert any(re.fullmatch(rf"(.+\.)?{pattern}(\.\d+)?", name) for name in names), span


@pytest.mark.parametrize("recording", RECORDINGS, ids=repr)
def test_events_are_republished_as_they_are_stored(recording: Recording):
    events = recording.stored("FLOWWORKER_EVENTS")
    kept = [each.data for each in events if ".workflow." in each.subject]
    sent = [each.data for each in recording.messages if each.subject.startswith("workflow.")]

    assert sorted(sent) == sorted(kept)


def test_bodies_satisfy_their_schemas():
    checked = set()
    for kind in ONCE:
        for each in filter(_is_valid_start, of_kind(kind)):
            schema = "stored-input" if FLOW_INPUT in each.headers else kind.schema
            if schema:
                validator(schema).validate(msgspec.json.decode(each.data or b"{}"))
                checked.add(f"{schema}.v1.json")

    # What users write of workflows is checked beside what is stored of them, and what is sealed
    # where something is.
    elsewhere = {"workflow.v1.json", "sealed-input.v1.json"}
    assert checked == {path.name for path in SCHEMAS.iterdir()} - elsewhere


def _is_valid_start(message: Message) -> bool:
    return message.headers.get(MSG_ID) != "rejected-3"


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator((SCHEMAS / f"{name}.v1.json").read_text())

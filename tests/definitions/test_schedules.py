"""`schedules` of a workflow, and schedules that stand alone."""

from __future__ import annotations

import pytest

from flowworker.core.schedule import Overlap, Schedule
from flowworker.core.status import Priority
from flowworker.definitions import content_hash, parse
from flowworker.definitions.occasions import input_at, labels_at
from flowworker.definitions.schedules import MAX_INPUT, schedule_from
from flowworker.definitions.writing import to_yaml
from flowworker.errors import DefinitionError, InvalidInput
from tests.definitions.complaints import problems

STEPS = "steps: [{id: a, uses: u}]\n"
WHOLE = f"""
name: w
{STEPS}schedules:
- id: nightly
  cron: "30  2 * * MON-FRI"
  timezone: Europe/Berlin
  start_at: 2030-01-01T00:00:00Z
  end_at: 2031-01-01T00:00:00Z
  jitter: 5m
  overlap: buffer_one
  catchup_window: 1h
  pause_on_failure: true
  max_runs: 10
  priority: low
  input: {{n: 1, day: "${{schedule.time}}"}}
  labels: {{of: "${{schedule.id}}"}}
- id: often
  every: 15m
"""
NIGHTLY = Schedule(
    "nightly",
    cron="30 2 * * MON-FRI",
    timezone="Europe/Berlin",
    start_at=1893456000.0,
    end_at=1924992000.0,
    jitter=300.0,
    overlap=Overlap.BUFFER_ONE,
    catchup_window=3600.0,
    pause_on_failure=True,
    max_runs=10,
    priority=Priority.LOW,
    input={"n": 1, "day": "${schedule.time}"},
    labels={"of": "${schedule.id}"},
)


def in_schedule(text):
    return problems(f"name: w\n{STEPS}schedules:\n- {{id: s, {text}}}\n")


def test_what_is_stated():
    assert parse(WHOLE).schedules == (NIGHTLY, Schedule("often", every=900.0))


def test_it_is_written_as_it_was_read():
    assert parse(to_yaml(parse(WHOLE))) == parse(WHOLE)


def test_a_workflow_without_has_the_hash_that_it_had():
    plain = parse(f"name: w\n{STEPS}")
    assert content_hash(parse(f"name: w\n{STEPS}schedules: []\n")) == content_hash(plain)
    assert content_hash(parse(WHOLE)) != content_hash(plain)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "4:3: schedule 's' needs 'cron' or 'every'"),
        (
            "cron: '* * * * *', every: 1m",
            "4:37: schedule 's' has both 'cron' and 'every': expected one",
        ),
        (
            "every: 1m, timezone: UTC",
            "4:32: 'timezone' of schedule 's' goes with 'cron': 'every' counts time as it passes",
        ),
        (
            "every: 500ms",
            "4:18: 'every' of schedule 's': expected a duration of at least 1s, found '500ms'",
        ),
        (
            "every: 1h, catchup_window: 9s",
            "4:38: 'catchup_window' of schedule 's': expected a duration of at least 10s: clocks "
            "differ by some, found '9s'",
        ),
        (
            "cron: '0 0 30 2 *'",
            "4:17: 'cron' of schedule 's': cron '0 0 30 2 *' has no time: no month has such a day",
        ),
        (
            "cron: '* * * * *', timezone: Europe/Berln",
            "4:40: 'timezone' of schedule 's': there is no time zone 'Europe/Berln': expected a "
            "name of the IANA database; did you mean 'Europe/Berlin'?",
        ),
        (
            "cron: '* * * * *', end_at: 2030-01-01",
            "4:38: 'end_at' of schedule 's': expected a moment with its time zone, such as "
            "2030-01-31T08:00:00Z, found '2030-01-01'",
        ),
        (
            "every: 1h, start_at: [1]",
            "4:32: 'start_at' of schedule 's': expected a moment such as 2030-01-31T08:00:00Z, "
            "found a list",
        ),
        (
            "every: 1h, start_at: true",
            "4:32: 'start_at' of schedule 's': expected a moment such as 2030-01-31T08:00:00Z, "
            "found true",
        ),
        (
            "cron: '0 0 1 * *', start_at: 2030-01-02T00:00:00Z, end_at: 2030-01-30T00:00:00Z",
            "4:70: schedule 's' has no time between its 'start_at' and 'end_at'",
        ),
        (
            "every: 1h, overlap: skp",
            "4:31: 'overlap' of schedule 's': expected one of skip, buffer_one, buffer_all, "
            "cancel_other, terminate_other, allow_all, found 'skp' (did you mean 'skip'?)",
        ),
        (
            "every: 1h, max_runs: 0",
            "4:32: 'max_runs' of schedule 's': expected a whole number from 1 to 1000000000, "
            "found 0",
        ),
        (
            "every: 1h, input: 1",
            "4:29: 'input' of schedule 's': expected a mapping of names to values, found 1",
        ),
        (
            "every: 1h, input: {a: [1, 'x ${schedule.tme}']}",
            "4:51: 'input' of schedule 's': there is no 'tme' (did you mean 'time'?)",
        ),
        (
            "every: 1h, input: {a: '${input.b}'}",
            "4:36: 'input' of schedule 's': nothing is called 'input' (there are: schedule)",
        ),
        (
            "every: 1h, input: {a: '${int(schedule.time)}'}",
            "4:29: schedule 's': input: 'int(schedule.time)': cannot convert string to int (there "
            "were: schedule)",
        ),
        (
            "every: 1h, labels: {a: '${run.id}'}",
            "4:37: label 'a' of schedule 's': nothing is called 'run' (there are: schedule)",
        ),
        (
            "every: 1h, labels: {a: '${[schedule.time]}'}",
            "4:34: label 'a' of schedule 's': expected a text, found a list",
        ),
        (
            "every: 1h, labels: {a: '${dyn([schedule.time])}'}",
            "4:30: schedule 's': label a: expected a text of 1 to 256 printable characters without "
            "'\"', found ['2030-01-31T08:00:00Z']",
        ),
        (
            "every: 1h, labels: {a: '${int(schedule.id)}'}",
            "4:30: schedule 's': label a: 'int(schedule.id)': cannot convert string to int (there "
            "were: schedule)",
        ),
        ("every: 1h, evry: 1", "4:22: unknown key 'evry' in schedule 1 (did you mean 'every'?)"),
    ],
)
def test_what_is_wrong(text, said):
    assert in_schedule(text) == [f"f.yaml:{said}"]


@pytest.mark.parametrize(
    ("schedules", "said"),
    [
        (
            "{id: s}",
            "3:12: 'schedules' of the workflow: expected a list of schedules, found a "
            "mapping (a schedule begins with '- id:')",
        ),
        ("1", "3:12: 'schedules' of the workflow: expected a list of schedules, found 1"),
        ("[1]", "3:13: schedule 1: expected a mapping, found 1"),
        ("[{every: 1h}]", "3:13: missing 'id' in schedule 1"),
        (
            "[{id: a.b, every: 1h}]",
            "3:18: 'id' of schedule 1: expected at most 100 letters, digits, '_' and '-': the ids "
            "of its runs begin with it, found 'a.b'",
        ),
        (
            "[{id: s, every: 1h}, {id: s, every: 2h}]",
            "3:38: two schedules are called 's'",
        ),
    ],
)
def test_what_is_wrong_with_the_list(schedules, said):
    assert problems(f"name: w\n{STEPS}schedules: {schedules}\n") == [f"f.yaml:{said}"]


def test_a_workflow_has_so_many_schedules():
    many = ", ".join(f"{{id: s{n}, every: 1h}}" for n in range(101))
    [said] = problems(f"name: w\n{STEPS}schedules: [{many}]\n")
    assert said == "f.yaml:3:12: a workflow has at most 100 schedules, found 101"


def with_schema(schema, given=""):
    return f"name: w\ninput_schema: {schema}\n{STEPS}schedules:\n- {{id: s, every: 1h{given}}}\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "5:3: schedule 's': input does not satisfy input_schema: $: "),
        (
            ", input: {at: 1}",
            "5:29: schedule 's': input does not satisfy input_schema: $.at: ",
        ),
    ],
)
def test_an_input_that_is_none_of_the_workflow(given, said):
    schema = "{required: [at], properties: {at: {type: string, minLength: 20}}}"

    [found] = problems(with_schema(schema, given))

    assert found.startswith(f"f.yaml:{said}")
    assert parse(with_schema(schema, ', input: {at: "${schedule.time}"}')).schedules


def test_an_input_is_judged_with_its_defaults():
    assert parse(with_schema("{required: [at], properties: {at: {default: x}}}")).schedules


def test_an_input_that_may_take_long_to_judge_is_left_to_its_times():
    schema = "{properties: {at: {maxLength: 1}, parts: {items: {$ref: '#'}}}}"

    assert parse(with_schema(schema, ", input: {at: long}")).schedules


def test_one_that_stands_alone():
    found = schedule_from({"id": "s", "every": 60, "start_at": 1e9})
    assert found == Schedule("s", every=60.0, start_at=1e9)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"id": "s", "cron": "* * *"}, "'cron' of schedule 's': expected a cron expression"),
        ({"id": "s", "every": float("nan")}, "JSON has no number nan"),
        ({"id": "s", "every": 60, "input": {"a": "x" * MAX_INPUT}}, "at most 65,536 bytes of JSON"),
    ],
)
def test_one_that_stands_alone_and_is_wrong(value, said):
    with pytest.raises(DefinitionError) as caught:
        schedule_from(value)
    assert said in str(caught.value)


def test_what_it_gives_to_the_run_of_a_time():
    labels = {"of": "${schedule.id}", "day": "${schedule.time.substring(0, 10)}", "no": "${null}"}
    schedule = Schedule("s", every=60.0, labels=labels)

    given = {"at": "${schedule.time}", "list": [1, "$${x}"]}
    assert input_at("s", given, 1e9) == {"at": "2001-09-09T01:46:40Z", "list": [1, "${x}"]}
    assert input_at("s", given, 1e9 + 0.25)["at"] == "2001-09-09T01:46:40.250000Z"
    assert labels_at(schedule, 1e9) == {"of": "s", "day": "2001-09-09"}
    assert labels_at(Schedule("s", every=60.0), 1e9) == {}


def test_what_another_release_has_registered_is_refused_when_its_time_comes():
    text = "${schedule.gone}"

    with pytest.raises(InvalidInput, match="input: there is no 'gone'"):
        input_at("s", {"a": text}, 1e9)
    with pytest.raises(InvalidInput, match="label a: there is no 'gone'"):
        labels_at(Schedule("s", every=60.0, labels={"a": text}), 1e9)

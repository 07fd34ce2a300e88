"""What the documentation claims: links, examples, commands and tables, held against the code."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import click
import msgspec
import pytest
import yaml
from prometheus_client import CollectorRegistry

import flowworker
from flowworker import App, StepContext, errors, wiring
from flowworker.cli import cli, serving
from flowworker.cli import errors as exit_codes
from flowworker.client import Client
from flowworker.codec import messages
from flowworker.codec.cloudevents import EventData
from flowworker.codec.facts import FACT_TYPES
from flowworker.codec.subjects import CommandLane
from flowworker.core.event_types import EventType
from flowworker.core.status import Priority
from flowworker.definitions import InputValidator, document, load_paths, parse_all
from flowworker.jetstream import ConnectionOptions, Names, TopologyOptions
from flowworker.jetstream.client.connection import MINIMUM
from flowworker.jetstream.topology.specs import (
    DEFAULT_EVENTS_AGE,
    DEFAULT_PARTITIONS,
    consumer_specs,
    stream_specs,
)
from flowworker.settings import CONNECTION, Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.worker.worker import CANCEL_GRACE
from tests.support.backends import memory

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "reference"

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`([^`\n]+)`")

HOSTS = {"127.0.0.1", "nats", "cloudevents.io", "keepachangelog.com", "semver.org"}
URL = re.compile(r"[a-z]+://([^/:`'\")\s]+)([^`'\")\s]*)")
PATHS = ("/healthz", "/readyz", "/metrics", "/run/secrets/", "/<ns>/", "/flowworker/")
FORBIDDEN = re.compile(
    r"\b(blazing\w*|seamless\w*|effortless\w*|powerful|cutting-edge|world-class|revolutionary|"
    r"robust|enterprise-grade|production-ready|state-of-the-art|simply|just works|leverag\w+|"
    r"delv\w+|TODO|TBD|FIXME|XXX)\b",
    re.IGNORECASE,
)


def named(path):
    return str(path.relative_to(ROOT))


def prose(path):
    """A page without its code blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def blocks(language):
    """Every code block in that language, with an id that says where it stands."""
    found = []
    for path in PAGES:
        for match in FENCE.finditer(text := path.read_text(encoding="utf-8")):
            if match[2] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match[3], id=f"{named(path)}:{line}"))
    return found


def slugs(path):
    """The anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def table(page, heading):
    """The rows of the first table below a heading, as texts by column."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    _, found, below = text.rpartition(f"# {heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    section = re.split(r"^#+ ", below, flags=re.MULTILINE)[0]
    lines = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert lines, f"{page}, {heading!r}: no table"
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[0].splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def words(cell):
    """What stands between backticks."""
    return INLINE.findall(cell)


def column(rows, name):
    return [words(row[name])[0] for row in rows]


# Pages


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_somewhere(path):
    for link in LINK.findall(prose(path)):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.is_relative_to(ROOT), link
        assert file.exists(), link
        assert not anchor or anchor in slugs(file), link


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_pages_speak_plainly_and_of_this_project_alone(path):
    text = path.read_text(encoding="utf-8")
    assert not FORBIDDEN.findall(text)
    assert {host for host, _ in URL.findall(text)} <= HOSTS
    absolute = re.findall(r"(?<![\w.>*~\]}-])/[a-z<][\w<>./-]*", URL.sub("", text))
    assert [found for found in absolute if not found.startswith(PATHS)] == []
    for name in re.findall(r"[\w/-]+\.md\b", text):
        assert (ROOT / name).exists() or list(ROOT.glob(f"docs/**/{name}")), name


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_files_that_are_named_exist(path):
    for name in INLINE.findall(prose(path)):
        if re.match(r"(?:docs|tests|flowworker|examples|schemas|integration)/[\w/.-]*$", name):
            assert (ROOT / name).exists(), name


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(prose(index))}
    assert set((ROOT / "docs").rglob("*.md")) - linked == {index}


def test_decisions_have_their_three_parts_on_one_page():
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [path.name.partition("-")[0] for path in decisions]
    assert len(set(numbers)) == len(numbers)
    for number, path in zip(numbers, decisions, strict=True):
        text = path.read_text(encoding="utf-8")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert re.fullmatch("[0-9]{4}", number), path.name
        assert text.startswith(f"# {number}: ")
        assert headings == ["Context", "Decision", "Consequences"], path.name
        assert len(text.splitlines()) <= 60, path.name


def test_the_versions_that_are_needed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"| nats-server | {'.'.join(map(str, MINIMUM))} or newer" in readme
    [python] = re.findall(r'requires-python = ">=(.+)"', project)
    assert f"| Python | {python} or newer" in readme


# Examples


@pytest.mark.parametrize("text", blocks("yaml"))
def test_workflows_parse(text):
    documents = [each for each in yaml.safe_load_all(text) if each is not None]
    assert documents
    if all("steps" in each for each in documents):
        assert len(parse_all(text)) == len(documents)


@pytest.mark.parametrize("text", blocks("json"))
def test_json_is_json(text):
    json.loads(text)


@pytest.mark.parametrize("text", blocks("python"))
def test_python_runs(text, monkeypatch):
    module = ModuleType("documented")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(text, "<documentation>", "exec"), module.__dict__)
    apps = [value for value in vars(module).values() if isinstance(value, App)]
    for app in apps:
        assert app.handlers
        for handler in app.handlers.values():
            handler.resolve()


def commands():
    """Every use of `flowworker`, in blocks and in running text."""
    found = set()
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        shown = [match[3] for match in FENCE.finditer(text) if not match[2]]
        lines = "\n".join(shown).splitlines() + INLINE.findall(FENCE.sub("", text))
        for line in lines:
            used = re.match(r"(?:\.venv/bin/)?flowworker ([a-z].*)", line.strip())
            if used:
                found.add(used[1].partition(" #")[0].strip())
    return sorted(found)


@pytest.mark.parametrize("line", commands())
def test_commands_exist_with_their_options(line):
    name, *arguments = shlex.split(line)
    command = cli.commands[name]
    context = click.Context(command, resilient_parsing=True)
    command.make_parser(context).parse_args(arguments)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_make_targets_exist(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^ *)make ([a-z]+)\b", path.read_text(encoding="utf-8"), re.M):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_example_runs_are_started_with_fitting_input():
    [(_, hello)] = load_paths([ROOT / "examples" / "hello"])
    used = r"(?:start hello --input |pub flowworker\.start\.hello |start\.hello\", b)'([^']*)'"
    found = [body for path in PAGES for body in re.findall(used, path.read_text("utf-8"))]
    assert found
    assert hello.input_schema is not None
    for body in found:
        assert InputValidator(hello.input_schema).problems(json.loads(body)) == []


# The command line


def known_commands():
    """All commands by name, those of groups by both of their names."""
    found: dict[str, click.Command] = {}
    for name, command in cli.commands.items():
        if isinstance(command, click.Group):
            found |= {f"{name} {each}": inner for each, inner in command.commands.items()}
        else:
            found[name] = command
    return found


def options_of(name):
    """Options of a command, without `--help`."""
    parameters = known_commands()[name].params
    return {each.opts[0]: each for each in parameters if isinstance(each, click.Option)}


def headings():
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    return re.findall(r"^### (`flowworker ([a-z]+(?: [a-z]+)?)(.*)`)$", text, re.MULTILINE)


def shared_options():
    return {cell.split()[0] for cell in column(table("cli.md", "Connection options"), "option")}


def test_the_command_line_has_the_commands_that_are_described():
    assert {name for _, name, _ in headings()} == set(known_commands())
    assert len(headings()) == len(known_commands())


@pytest.mark.parametrize(("heading", "name", "arguments"), headings())
def test_a_command_has_the_arguments_and_options_that_are_described(heading, name, arguments):
    expected = set(options_of(name))
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    section = text.partition("\n#")[0]
    described = {cell.split()[0] for cell in column(table("cli.md", heading), "option")}
    if "Takes the connection options" in section:
        described |= shared_options()
    assert described == expected
    wanted = [each for each in known_commands()[name].params if isinstance(each, click.Argument)]
    assert len(arguments.split()) == len(wanted)
    for shown, argument in zip(arguments.split(), wanted, strict=True):
        assert shown.strip("[].") == (argument.metavar or argument.name).strip("[].").upper()
        assert shown.startswith("[") != argument.required


@pytest.mark.parametrize(("heading", "name", "arguments"), headings())
def test_an_option_has_the_default_that_is_described(heading, name, arguments):
    for row in table("cli.md", heading):
        option = options_of(name)[words(row["option"])[0].split()[0]]
        if option.required:
            assert row["default"] == "required"
        if option.envvar:
            assert f"`{option.envvar}`" in row["default"]
        if isinstance(option.type, click.Choice) and option.name != "state":
            assert set(option.type.choices) <= set(words(row["meaning"]))
        default = option.to_info_dict()["default"]
        if default and not option.is_flag:
            shown = default[0] if isinstance(default, tuple) else default
            assert str(shown) in row["default"].replace("`", "").split(";")[0]


def test_connection_options_are_those_of_the_commands():
    rows = table("cli.md", "Connection options")
    known = options_of("status")
    for row in rows:
        option = known[words(row["option"])[0].split()[0]]
        assert words(row["variable"]) == [option.envvar]
    assert shared_options() == set(known) - {"--json"}


def test_exit_codes():
    described = {int(row["code"]) for row in table("cli.md", "Exit codes")}
    values = [value for name, value in vars(exit_codes).items() if name.isupper()]
    assert described == {0, *(value for value in values if isinstance(value, int))}


# Errors, settings, metrics, definitions


def test_how_long_a_process_takes_to_end():
    usual, parting = Settings(), serving.PARTING
    page = (ROOT / "docs/explanation/signals.md").read_text("utf-8")
    guide = (ROOT / "docs/how-to/run-a-fleet.md").read_text("utf-8")

    assert f"at most `drain` ({usual.drain:g} s)" in page
    assert f"they get {CANCEL_GRACE:g} s to clean up" in page
    bounds = (
        f"`drain` + {parting:g} s",
        f"`partition_lease` ({usual.partition_lease:g} s)",
        f"`drain` + {2 * parting:g} s",
    )
    assert f"| ends in any case after | {' | '.join(bounds)} |" in page
    assert f"its `lease` ({usual.lease:g} s)" in page
    for text in (page, guide):
        graces = re.findall(r"terminationGracePeriodSeconds\D{1,8}(\d+)", text)
        assert graces
        assert all(int(grace) > usual.drain + parting for grace in graces)


def test_errors():
    rows = {words(row["error"])[0]: row for row in table("errors.md", "Errors")}
    assert set(rows) == set(errors.__all__) - {"Problem"}
    for name, row in rows.items():
        kind = getattr(errors, name)
        assert words(row["is a"]) == [kind.__base__.__name__]
        code = exit_codes.exit_code(kind.__new__(kind))
        assert int(row["exit code"]) == code, name
        assert getattr(flowworker, name) is kind


def test_public_names():
    text = (REFERENCE / "python.md").read_text(encoding="utf-8")
    first = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    described = [name for cell in first for name in words(cell)]
    assert len(described) == len(set(described))
    assert {*described, *errors.__all__} == set(flowworker.__all__)
    [methods] = re.findall(r"^\| `Client` \|(.*)\|", text, re.MULTILINE)
    assert all(callable(getattr(Client, name)) for name in words(methods))


def test_the_context_has_what_is_described():
    text = (ROOT / "docs" / "how-to" / "write-handlers.md").read_text(encoding="utf-8")
    section = text.partition("## The context\n")[2].partition("\n#")[0]
    first = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    described = {name for cell in first for name in words(cell)}
    assert {"run_id", "emit"} < described
    assert described <= set(dir(StepContext))


def told(default):
    """A default as the tables have it: seconds and bytes as whole numbers, lists with commas."""
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default or 0 if isinstance(default, float) else default).removesuffix(".0")


def defaults_of(struct):
    return {field.name: told(field.default) for field in msgspec.structs.fields(struct)}


def test_settings():
    rows = table("settings.md", "Settings")
    described = {words(row["setting"])[0]: row["default"].strip("`") for row in rows}
    assert described == defaults_of(Settings)


def test_connection_options():
    rows = {words(row["option"])[0]: row for row in table("settings.md", "Connection")}
    described = {name: row["default"].strip("`") for name, row in rows.items()}
    assert described == defaults_of(ConnectionOptions)
    variables = {name: words(row["variable"])[0] for name, row in rows.items() if row["variable"]}
    assert variables == CONNECTION


def test_topology_options():
    rows = table("settings.md", "Streams")
    described = {words(row["option"])[0]: row["default"].strip("`") for row in rows}
    made = stream_specs(Names("n"), TopologyOptions())[0].config
    assert set(described) == set(TopologyOptions.__struct_fields__)
    assert described == {
        "replicas": told(made["num_replicas"]),
        "storage": made["storage"],
        "events_age": told(DEFAULT_EVENTS_AGE),
        "partitions": told(DEFAULT_PARTITIONS),
    }


def test_metrics():
    registry = CollectorRegistry()
    labels = {part._name: part._labelnames for part in vars(Metrics(registry)).values()}
    known = {}
    for family in registry.collect():
        suffix = "_total" if family.type == "counter" else ""
        known[family.name + suffix] = (family.type, list(labels[family.name]))
    rows = table("metrics.md", "Metrics")
    described = {words(row["metric"])[0]: (row["type"], words(row["labels"])) for row in rows}
    assert described == known
    mentioned = re.findall(r"flowworker_[a-z_]+", (REFERENCE / "metrics.md").read_text("utf-8"))
    assert set(mentioned) == set(known)


@pytest.mark.parametrize(
    ("heading", "struct"),
    [
        ("Workflow", document.WorkflowDocument),
        ("Step", document.StepDocument),
        ("Retry", document.RetryDocument),
        ("Fallback", document.FallbackDocument),
        ("Escalation", document.EscalationDocument),
        ("Saga", document.SagaDocument),
    ],
)
def test_the_keys_of_definitions(heading, struct):
    assert set(column(table("definitions.md", heading), "key")) == set(struct.__struct_fields__)


# Events and the wire


def event_rows():
    return {words(row["type"])[0]: row for row in table("events.md", "Types")}


def test_event_types():
    assert set(event_rows()) == set(EventType)
    facts = {kind for kind, row in event_rows().items() if row["fact"] == "yes"}
    assert facts == set(FACT_TYPES)


def test_the_fields_of_events():
    described = column(table("events.md", "Fields of `data`"), "field")
    assert set(described) == set(EventData.__struct_encode_fields__)
    everywhere = {"id", "name", "version", "at"}
    used = {field for row in event_rows().values() for field in words(row["data"])}
    assert used | everywhere == set(described)


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
        "timers": consumer_specs.timers(names),
        "scheduler-<partition>": consumer_specs.scheduler(names, Settings(), 0),
        "step-<queue>-<priority>": consumer_specs.lane(names, Settings(), "q", Priority.HIGH),
    }
    rows = table("wire.md", "Consumers")
    where = {words(row["consumer"])[0]: ours(words(row["stream"])[0]) for row in rows}
    assert where == {name: spec.stream for name, spec in known.items()}


def test_headers_actions_and_results():
    known = {messages.MSG_ID, messages.FLOW_REPLY, messages.FLOW_PRIORITY, messages.FLOW_INPUT}
    known.add(messages.TRACE_PARENT)
    assert set(column(table("wire.md", "Start"), "header")) == known
    assert column(table("wire.md", "Control"), "action") == list(messages.CONTROL_ACTIONS)
    fields = {field for row in table("wire.md", "Result") for field in words(row["field"])}
    assert fields == set(messages.Result.__struct_fields__)


WORKFLOWS = """
name: troubled
steps:
  - {id: flaky, uses: fails_once, retry: {max_attempts: 2, interval: 1ms}}
  - {id: replaced, uses: fails, fallback: works}
  - {id: asked, uses: fails, escalation: {}, depends_on: [flaky, replaced]}
---
name: undone
steps:
  - {id: good, uses: works, saga: {uses: works}}
  - id: bad
    uses: works
    depends_on: good
    saga: {uses: fails, is_critical: true, retry: {max_attempts: 1}}
  - {id: worst, uses: fails, depends_on: bad}
---
name: endless
steps: [{id: hangs, uses: hangs}]
---
name: unserved
steps: [{id: waits, uses: nobody.has}]
---
name: late
timeout: 20ms
steps: [{id: hangs, uses: hangs}]
"""


def handlers():
    app = App()

    @app.step("works")
    async def works(ctx):
        return {"done": True}

    @app.step("fails")
    async def fails(ctx):
        raise ValueError("no")

    @app.step("fails_once")
    async def fails_once(ctx):
        if ctx.attempt == 1:
            raise ValueError("not yet")

    @app.step("hangs")
    async def hangs(ctx):
        await asyncio.Event().wait()

    return app


async def until(client, run, event_type):
    async for event in client.watch(run):
        if event["type"] == event_type:
            return


async def every_event(client):
    """The histories of runs in which everything happens that can happen."""
    runs = []
    for action in ("skip", "complete"):
        runs.append(await client.start("troubled", priority="low"))
        await until(client, runs[-1], "workflow.waiting_human")
        await client.resume(runs[-1], action)
        await client.result(runs[-1])
    runs.append(await client.start("endless"))
    await until(client, runs[-1], "workflow.step.started")
    await client.cancel(runs[-1], "enough")
    await client.result(runs[-1])
    runs.append(await client.start("unserved"))
    await until(client, runs[-1], "workflow.step.waiting_handler")
    await client.cancel(runs[-1])
    await client.result(runs[-1])
    runs += [(await client.run(workflow)).id for workflow in ("undone", "late")]
    runs.append("refused")
    with pytest.raises(errors.WorkflowNotFound):
        await client.run("unheard_of", run_id=runs[-1])
    return [event for run in runs for event in await client.history(run)]


async def test_events_have_the_fields_that_are_described():
    """Every type occurs, and states nothing that its row does not list."""
    settings = Settings()
    async with memory(settings=settings) as backend:
        client = Client(stores_of(backend, settings))
        coordinator = wiring.make_coordinator(
            stores_of(backend, settings), Metrics(CollectorRegistry())
        )
        worker = wiring.make_worker(
            stores_of(backend, settings), handlers(), Metrics(CollectorRegistry())
        )
        await coordinator.start()
        await worker.start()
        for workflow in parse_all(WORKFLOWS):
            await client.register(workflow)
        events = await every_event(client)
        await worker.drain()
        await coordinator.stop()
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(EventData)}
    rows = event_rows()
    for event in events:
        stated = {name for name, value in event["data"].items() if value != defaults[name]}
        assert stated <= {"id", "name", "version", "at", *words(rows[event["type"]]["data"])}, event
    assert {event["type"] for event in events} == set(EventType)

"""Log lines: ours and everybody's, for programs and for humans."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap

import pytest

from flowworker.codec.text import escaped
from flowworker.telemetry.log import (
    configure_logging,
    get_logger,
    is_json,
    log_everything,
)
from flowworker.telemetry.rendering import Lines


def logged(capsys):
    """The lines on stderr, read as JSON."""
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_json_lines_go_to_stderr(capsys):
    configure_logging(json=True, level="info")

    get_logger(worker="w1").info("started", n=1)
    get_logger().debug("unseen")
    logging.getLogger("nats").warning("slow %s", "consumer")

    out, err = capsys.readouterr()
    assert out == ""
    first, second = [json.loads(line) for line in err.splitlines()]
    assert first.items() >= {"event": "started", "level": "info", "worker": "w1", "n": 1}.items()
    assert first["timestamp"].endswith("Z")
    assert second.items() >= {"event": "slow consumer", "level": "warning"}.items()


def test_json_lines_carry_tracebacks(capsys):
    configure_logging(json=True, level="info")
    get_logger().warning("failed", exc_info=ValueError("no"))

    assert "ValueError: no" in json.loads(capsys.readouterr().err)["exception"]


def test_lines_for_humans_are_plain_where_there_is_no_terminal(capsys):
    configure_logging(json=False, level="DEBUG")

    get_logger().debug("started", n=1)
    logging.getLogger("nats").info("connected")

    err = capsys.readouterr().err
    assert "started" in err
    assert "n=1" in err
    assert "connected" in err
    assert "\x1b[" not in err


def test_an_unknown_level_is_an_error():
    with pytest.raises(KeyError):
        configure_logging(json=True, level="loud")


def test_a_library_that_nobody_configured_logs_to_logging(caplog):
    log = get_logger(worker="w1")

    log.bind(run="r1").warning("100 % full", n=1)
    log.debug("unseen")

    assert [(r.name, r.message) for r in caplog.records] == [
        ("flowworker", "100 % full worker='w1' run='r1' n=1")
    ]


class Unspeakable:
    def __repr__(self):
        raise SystemExit

    __str__ = __repr__


CIRCLE: dict = {}
CIRCLE["again"] = CIRCLE


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (CIRCLE, "{'again': {...}}"),
        ({1: "a", (2, 3): "b"}, "{1: 'a', (2, 3): 'b'}"),
        ({"a"}, "{'a'}"),
        (b"\xff", "b'\\xff'"),
        (Unspeakable(), "<Unspeakable: its repr raised SystemExit>"),
    ],
)
@pytest.mark.parametrize("json_", [True, False])
def test_whatever_is_logged_yields_one_line(capsys, value, shown, json_):
    configure_logging(json=json_)

    get_logger().warning("look", value=value)

    [line] = capsys.readouterr().err.splitlines()
    assert shown in (json.loads(line)["value"] if json_ else line)


@pytest.mark.parametrize("argument", ["x", Unspeakable()])
def test_a_line_that_cannot_be_rendered_says_so(capsys, argument):
    configure_logging(json=True)

    logging.getLogger("shop").warning("%d orders", argument)

    [line] = logged(capsys)
    assert line["event"].startswith("%d orders (the line cannot be rendered: ")
    assert line["logger"] == "shop"


def test_a_message_that_cannot_be_rendered_is_named_by_its_kind(capsys):
    configure_logging(json=True)

    get_logger().warning("look", exc_info=Unspeakable())
    logging.getLogger("shop").warning(Unspeakable())

    first, second = logged(capsys)
    assert first["event"].startswith("look")
    assert second["event"].startswith("<Unspeakable: its repr raised SystemExit>")


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError("I/O operation on closed file")])
def test_a_line_that_nobody_takes_is_dropped(monkeypatch, error):
    class Broken:
        def write(self, text):
            raise error

    monkeypatch.setattr(sys, "stderr", Broken())
    configure_logging(json=True)

    get_logger().error("unheard")


def test_without_stderr_lines_are_dropped(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    configure_logging(json=True)

    get_logger().error("unheard")
    log_everything()

    assert isinstance(sys.stderr, Lines)
    with pytest.raises(OSError, match="no stderr"):
        sys.stderr.fileno()


HOSTILE = "\x1b[2J\x9b31m\u202e\r"


def fail(text):
    raise ValueError(text)


def test_what_others_wrote_does_not_steer_a_terminal(capsys):
    configure_logging(json=False)
    try:
        fail(HOSTILE)
    except ValueError:
        get_logger().exception(HOSTILE, **{HOSTILE: HOSTILE, "other": [HOSTILE]})
        logging.getLogger(HOSTILE).exception(HOSTILE, stack_info=True, extra={"name_": HOSTILE})

    err = capsys.readouterr().err
    assert f"ValueError: {escaped(HOSTILE)}\n" in err
    assert [c for c in err if not c.isprintable() and c != "\n"] == []
    assert "Traceback (most recent call last):\n" in err


def test_lines_for_humans_may_be_coloured(capsys):
    configure_logging(json=False, colors=True)

    get_logger().warning("look", text=HOSTILE)

    err = capsys.readouterr().err
    assert "\x1b[" in err
    assert "\x1b[2J" not in err


def test_a_library_that_nobody_configured_is_silent():
    code = "from flowworker.telemetry.log import get_logger; get_logger().error('look')"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")


def test_a_library_heeds_the_level_of_its_logger(caplog):
    log = get_logger()
    caplog.set_level(logging.DEBUG, "flowworker")
    log.debug("seen")
    caplog.set_level(logging.ERROR, "flowworker")
    log.warning("unseen")

    assert caplog.messages == ["seen"]


EVERYTHING = """
    import asyncio, logging, sys, threading, traceback, warnings
    import click
    from flowworker.telemetry.log import configure_logging, log_everything

    configure_logging(json=True)
    log_everything()
    warnings.warn("old")
    print("to stderr", file=sys.stderr)
    click.echo("by click", err=True)
    try:
        1 / 0
    except ZeroDivisionError:
        traceback.print_exc()

    class Unraisable:
        def __del__(self):
            raise KeyError("unraisable")

    Unraisable()
    threading.Thread(target=lambda: 1 / 0, name="t").start()
    threading.Thread(target=sys.exit).start()

    async def fail():
        raise ValueError("in a task")

    async def main():
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)

    asyncio.run(main())
    raise RuntimeError("at the end")
"""


def test_every_line_of_a_json_log_is_json():
    command = [sys.executable, "-W", "always", "-c", textwrap.dedent(EVERYTHING)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    reported = "\n".join(line["event"] for line in lines)
    for text in (
        "UserWarning: old",
        "to stderr",
        "by click",
        "ZeroDivisionError",
        "never retrieved",
    ):
        assert text in reported
    last = [line["exception"].splitlines()[-1] for line in lines if "exception" in line]
    assert "KeyError: 'unraisable'" in last
    assert "ZeroDivisionError: division by zero" in last
    assert "ValueError: in a task" in last
    assert last[-1] == "RuntimeError: at the end"
    assert [line["thread"] for line in lines if "thread" in line] == ["t"]


def test_whether_the_log_is_json_is_known():
    assert not is_json()
    configure_logging(json=False)
    assert not is_json()
    configure_logging(json=True)
    assert is_json()

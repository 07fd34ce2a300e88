"""`status` shows what steps are given and put out, and prints it whole, to be piped."""

from __future__ import annotations

import json


def test_everything_in_view(dev):
    # Given a run whose step failed, and one with a large output
    run = json.loads(dev("start", "broken", "--wait", code=1))["id"]
    large = json.loads(dev("start", "large", "--wait"))["id"]

    # When they are looked at, then inputs, outputs and tracebacks are there
    text = dev("status", run)
    assert "input:           {}" in text
    assert 'output: {"n":1}' in text
    assert "in refuse\n" in text
    assert "ValueError: not today" in text
    seen = json.loads(dev("status", run, "--json"))
    assert seen["steps"][0]["output"] == {
        "size": 7,
        "value": {"n": 1},
        "shown": True,
        "problem": "",
    }
    assert "in refuse\n" in seen["steps"][1]["traceback"]

    # And one step is, whole, by itself
    step = json.loads(dev("status", run, "--step", "break", "--json"))
    assert [attempt["outcome"] for attempt in step["attempts"]] == ["FAILED"]
    assert step["input"]["value"]["prepare"] == {"n": 1}
    assert "run/1.1" in dev("status", run, "--step", "break")
    assert json.loads(dev("status", run, "--step", "break", "--input"))["n"] == 1
    assert json.loads(dev("status", run, "--input")) == {}
    assert len(dev("status", large, "--step", "left", "--output")) == 700_000 + len('{"text":""}\n')
    assert set(json.loads(dev("status", large, "--output"))) == {"left", "right"}


def test_what_is_not_there_is_one_line(dev):
    run = json.loads(dev("start", "broken", "--wait", code=1))["id"]

    for arguments in (["--step", "nosuch"], ["--step", "break", "--output"]):
        result = dev.process("status", run, *arguments)
        assert (result.returncode, result.stdout) == (2, "")
        assert len(result.stderr.splitlines()) == 1

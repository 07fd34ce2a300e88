"""`flowworker limits`: each of its commands, on a real server, while steps hold limits and wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.cli.commands import Commands
from tests.support.waiting import blocking_eventually

LIMITED = """
name: limited
steps: [{id: nap, uses: sleep, with: {seconds: "${input.seconds}"}, limits: [naps]}]
"""


def test_a_limit_from_its_first_use_to_its_end(dev: Commands, tmp_path: Path):
    (tmp_path / "limited.yaml").write_text(LIMITED)
    dev("register", str(tmp_path / "limited.yaml"))

    # Given runs whose steps wait, since nobody has said how many may be at work
    runs = [dev("start", "limited", "--input", '{"seconds": 600}').strip() for _ in range(2)]
    blocking_eventually(
        lambda: "0 of not set held, 2 waiting" in dev.said_by("limits", "show", "naps")
    )
    assert "flowworker limits set naps --concurrency N" in dev("why", runs[0])
    found = dev("doctor", code=1)
    assert "problem limits: nobody has set naps (2), which steps wait for" in found
    assert "`flowworker limits set naps --concurrency N` says how many may be at work" in found

    # When one may be, then one is
    dev("limits", "set", "naps", "--concurrency", "1")
    blocking_eventually(lambda: dev.json("limits", "show", "naps")["held"] == 1)
    shown = dev("limits", "show", "naps")
    assert "naps: 1 of 1 held, 1 waiting" in shown
    assert shown.index("SINCE") < shown.index(runs[0]) < shown.index(runs[1])
    assert "ok      limits: all that steps wait for are set" in dev("doctor")
    assert "waits for limit 'naps': 1 of 1 are at work" in dev("why", runs[1])
    [one] = [one for one in dev.lines("limits", "list") if one["name"] == "naps"]
    assert (one["held"], one["concurrency"], one["waiting"]) == (1, 1, 1)

    # And when its run ends, the next one is let in
    dev("terminate", runs[0])
    blocking_eventually(lambda: runs[1] in dev("limits", "show", "naps"))
    dev("terminate", runs[1])
    blocking_eventually(lambda: dev.json("limits", "show", "naps")["held"] == 0)
    assert "limit naps is deleted" in dev("limits", "delete", "naps")
    assert dev("limits", "list") == "no limit is set, held or waited for\n"


def test_a_rate(dev: Commands):
    said = dev("limits", "set", "often", "--rate", "100/s", "--burst", "20")
    assert said == "often: 100/s (20 at once, 0 so far), 0 waiting\n"
    said = dev("limits", "set", "often", "--concurrency", "2", "--rate", "5000/h")
    assert said == "often: 0 of 2 held, 5000/h (1 at once, 0 so far), 0 waiting\n"
    [one] = [one for one in dev.lines("limits", "list") if one["name"] == "often"]
    assert (one["rate"], one["burst"], one["concurrency"]) == ("5000/h", 1, 2)
    assert "limit often is deleted" in dev("limits", "delete", "often")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("set", "naps"), 2, "expected `concurrency`, or `rate`, or both"),
        (("set", "naps", "--rate", "0/s"), 2, "rate 0/s: expected 1 or more in each period"),
        (("set", "naps", "--rate", "often"), 2, "expected a rate such as 100/s, 5000/h"),
        (("set", "naps", "--concurrency", "1", "--burst", "2"), 2, "beside a rate"),
        (("set", "naps", "--concurrency", "0"), 2, "0 is not in the range 1<=x<=1000"),
        (("set", "a.b", "--concurrency", "1"), 2, "expected the name of a limit"),
        (("show", "none"), 3, "no limit 'none' is set"),
        (("delete", "none"), 3, "no limit 'none' is set"),
    ],
)
def test_what_cannot_be(dev: Commands, arguments, code, said):
    assert said in dev.error("limits", *arguments, code=code)

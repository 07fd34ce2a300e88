"""`graph`: the picture on stdout, what is wrong on stderr."""

from __future__ import annotations

import pytest

GOOD = "{name: order, steps: [{id: reserve, uses: stock.reserve}]}"


@pytest.mark.parametrize(
    ("arguments", "beginning"),
    [
        ([], "---\ntitle: 'order'\n---\nflowchart TD\n"),
        (["--format", "mermaid"], "---\ntitle: 'order'\n---\nflowchart TD\n"),
        (["--format", "dot"], "digraph {\n"),
        (["--format", "svg"], '<svg xmlns="http://www.w3.org/2000/svg"'),
    ],
)
def test_a_file_is_drawn(flowworker, tmp_path, arguments, beginning):
    (tmp_path / "order.yaml").write_text(GOOD)

    result = flowworker("graph", "order.yaml", *arguments)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(beginning)
    assert "stock.reserve" in result.stdout


def test_all_workflows_of_a_folder_stand_in_one_picture(flowworker, tmp_path):
    for name in ("order", "gift"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("order", name))

    result = flowworker("graph", ".")

    assert 'subgraph w0["gift"]' in result.stdout
    assert 'subgraph w1["order"]' in result.stdout


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("nowhere.yaml", "nowhere.yaml: cannot be read: No such file or directory"),
        ("wrong.yaml", "wrong.yaml:1:"),
    ],
)
def test_what_cannot_be_drawn_is_named(flowworker, tmp_path, file, said):
    (tmp_path / "wrong.yaml").write_text(GOOD.replace("uses", "use"))

    result = flowworker("graph", file)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert "Traceback" not in result.stderr

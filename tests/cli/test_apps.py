"""`--app`: whatever is wrong with a module is reported in one line."""

from __future__ import annotations

import json
import sys

import pytest

from flowworker.cli import apps
from flowworker.cli.apps import load_app, load_apps
from flowworker.errors import InvalidInput

APP = "from flowworker import App\n"

pytestmark = pytest.mark.usefixtures("imports")


@pytest.mark.parametrize(
    ("source", "name", "attribute"),
    [
        (APP + "app = App()\nother = App()\n", "shop", "app"),
        (APP + "handlers = App()\n", "shop", "handlers"),
        (APP + "one = two = App()\n", "shop", "one"),
        (APP + "app = App()\nother = App()\n", "shop:other", "other"),
    ],
)
def test_an_app_is_found(tmp_path, source, name, attribute):
    (tmp_path / "shop.py").write_text(source)

    app = load_app(name)

    assert app is getattr(sys.modules["shop"], attribute)


def test_several_apps_work_together(tmp_path):
    for name in ("shop", "depot"):
        (tmp_path / f"{name}.py").write_text(
            APP + f"app = App()\n@app.step('{name}')\ndef work(ctx): ...\n"
        )

    assert sorted(load_apps(("shop", "depot", "shop")).handlers) == ["depot", "shop"]


def test_an_app_within_something_is_found(tmp_path):
    (tmp_path / "shop.py").write_text(APP + "class Shop:\n    app = App()\n")

    assert load_app("shop:Shop.app") is not None


@pytest.mark.parametrize(
    ("source", "name", "reported"),
    [
        ("", "not a module", "expected MODULE or MODULE:ATTRIBUTE"),
        ("", "shop:", "expected MODULE or MODULE:ATTRIBUTE"),
        ("", "shop.py", "cannot import 'shop.py'"),
        ("", "missing", "ModuleNotFoundError: No module named 'missing'"),
        ("", "shop", "no flowworker.App"),
        ("x = 1", "shop:x", "expected an App, found int"),
        ("", "shop:app", "has no 'app'"),
        (APP + "a = App()\nb = App()", "shop", "several Apps, name one: shop:a, shop:b"),
        ("1 / 0", "shop", "ZeroDivisionError: division by zero ("),
        ("def f(:\n  pass", "shop", "SyntaxError: "),
        ("import nothing_like_this", "shop", "No module named 'nothing_like_this' ("),
        ("raise SystemExit(7)", "shop", "SystemExit: 7"),
        (APP + "app = App()\napp.step('x y')(print)", "shop", "handler name"),
    ],
)
def test_what_is_wrong_is_reported_in_one_line(tmp_path, source, name, reported):
    (tmp_path / "shop.py").write_text(source)

    with pytest.raises(InvalidInput) as caught:
        load_app(name)

    assert reported in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "reported"),
    [
        (
            {"shop.py": "import json\n\njson.loads('{')\n"},
            "JSONDecodeError: Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1) ({here}/shop.py, line 3)",
        ),
        (
            {"shop.py": APP + "import depot\n", "depot.py": "\n\nx = {}['y']\n"},
            "KeyError: 'y' ({here}/depot.py, line 3)",
        ),
        (
            {"shop.py": APP + "import depot\n", "depot.py": "x = 1\n  y = 2\n"},
            "IndentationError: unexpected indent ({here}/depot.py, line 2)",
        ),
        (
            {"shop.py": "\nimport library.bad\n", "library/bad.py": "def f(:\n"},
            "SyntaxError: invalid syntax in {here}/library/bad.py, line 1 ({here}/shop.py, line 2)",
        ),
        (
            {"shop.py": "import library.bad\n", "library/bad.py": "\nraise OSError('a\\nb')\n"},
            "OSError: a b ({here}/shop.py, line 1)",
        ),
        (
            {"shop.py": "\ncompile('1 +', '<rule>', 'eval')\n"},
            "SyntaxError: invalid syntax ({here}/shop.py, line 2)",
        ),
        (
            {"shop.py": APP + "app = App()\n\n@app.step('x')\nasync def x(ctx) -> complex: ...\n"},
            "or what these consist of ({here}/shop.py, line 4)",
        ),
        (
            {"shop.py": "class E(Exception):\n  def __str__(self): raise SystemExit\nraise E\n"},
            "E: its message cannot be read ({here}/shop.py, line 3)",
        ),
    ],
)
def test_an_import_that_fails_is_reported_with_the_users_own_line(
    tmp_path, monkeypatch, files, reported
):
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    monkeypatch.setattr(apps, "_LIBRARIES", (*apps._LIBRARIES, tmp_path / "library"))

    with pytest.raises(InvalidInput) as caught:
        load_app("shop")

    assert str(caught.value).startswith("--app: cannot import 'shop': ")
    assert str(caught.value).endswith(reported.replace("{here}", str(tmp_path)))


def test_the_code_of_an_app_that_is_installed_is_the_users_own(tmp_path, monkeypatch):
    (tmp_path / "shop.py").write_text("import json\njson.loads('{')\n")
    monkeypatch.setattr(apps, "_LIBRARIES", (*apps._LIBRARIES, tmp_path))

    with pytest.raises(InvalidInput, match=r"shop.py, line 2\)$"):
        load_app("shop")


@pytest.mark.slow
def test_a_bad_app_ends_a_worker_with_code_2(process, tmp_path):
    (tmp_path / "shop.py").write_text("def broken(:\n")

    result = process("worker", "--app", "shop")

    assert result.returncode == 2
    [line] = result.stderr.splitlines()  # of its log
    event = json.loads(line)["event"]
    assert event.startswith("--app: cannot import 'shop': SyntaxError: ")
    assert "line 1" in event


@pytest.mark.slow
def test_dev_checks_handlers_before_it_starts_anything(process, tmp_path):
    (tmp_path / "shop.py").write_text(APP + "app = App()\n")
    (tmp_path / "flow.yaml").write_text("name: w\nsteps: [{id: a, uses: pay}]\n")

    result = process("dev", "--app", "shop", "--workflows", "flow.yaml")

    assert result.returncode == 2
    assert "unknown handler 'pay'" in result.stderr
    assert result.stdout == ""

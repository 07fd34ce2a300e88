"""What `dev --reload` takes for a change."""

from __future__ import annotations

import os

import pytest

from flowworker.cli import changes
from flowworker.cli.changes import Changes


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "app.py").write_text("1")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "module.py").write_text("1")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "order.yaml").write_text("1")
    return tmp_path


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    monkeypatch.setattr(changes, "_LOOK", 0.01)


def touch(path, text="changed"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def changed(watched, *touched):
    """What is seen of that; the last one counts in any case, and so ends the wait."""
    for path in touched:
        touch(path)
    return await watched.next()


async def test_files_that_change_come_and_go(folder):
    watched = Changes(folder, folder / "flows")
    app, module, new = folder / "app.py", folder / "pack" / "module.py", folder / "pack" / "new.py"

    assert await changed(watched, module) == [module]
    assert await changed(watched, new, app) == [app, new]
    new.unlink()
    assert await watched.next() == [new]


async def test_definitions_are_watched_where_they_are(folder):
    flows = folder / "flows"
    watched = Changes(folder, flows)
    await changed(watched, flows / "a.json", flows / "deep" / "b.yml", flows / "order.yaml")
    one_file = Changes(folder, flows / "order.yaml")

    seen = await changed(one_file, flows / "a.json", flows / "order.yaml", folder / "c.yaml")

    assert seen == [flows / "order.yaml"]
    assert await watched.next() == [flows / "a.json", flows / "order.yaml"]


async def test_definitions_may_be_elsewhere_or_nowhere(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("flows")
    both, code = Changes(folder, elsewhere), Changes(folder, None)

    assert await changed(both, elsewhere / "a.yaml") == [elsewhere / "a.yaml"]
    assert await changed(code, elsewhere / "b.yaml", folder / "app.py") == [folder / "app.py"]


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt",
        "app.pyc",
        "config.yaml",
        ".git/hook.py",
        ".venv/lib/x.py",
        "__pycache__/app.py",
        "node_modules/x.py",
        "lib/site-packages/x.py",
        "env/lib/x.py",
    ],
)
async def test_what_is_not_the_users_code_is_left_out(folder, path):
    touch(folder / "env" / "pyvenv.cfg", "home = /usr")
    watched = Changes(folder, folder / "flows")

    assert await changed(watched, folder / path, folder / "app.py") == [folder / "app.py"]


async def test_a_change_of_content_alone_or_of_time_alone_counts(folder):
    watched, app = Changes(folder, None), folder / "app.py"
    before = app.stat()

    app.write_text("22")
    os.utime(app, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await watched.next() == [app]

    os.utime(app, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert await watched.next() == [app]


async def test_modules_from_elsewhere_are_watched_when_they_are_known(folder, tmp_path_factory):
    shared = tmp_path_factory.mktemp("shared") / "shared.py"
    touch(shared, "1")
    watched = Changes(folder, None)
    watched.watch([shared, folder / "app.py", folder / "gone.py"])

    assert await changed(watched, shared) == [shared]
    assert await changed(watched, folder / "gone.py") == [folder / "gone.py"]


async def test_it_waits_until_nothing_changes_any_more(folder, monkeypatch):
    # Given files of which one changes with each look, as when an editor or a checkout writes them
    watched, files = Changes(folder, None), [folder / f"file{n}.py" for n in range(5)]
    to_come = list(files)
    look = Changes._look

    def looked(self):
        if to_come:
            touch(to_come.pop(0))
        return look(self)

    monkeypatch.setattr(Changes, "_look", looked)

    # Then they are one change
    assert await watched.next() == files


async def test_a_directory_into_which_we_may_not_look_is_passed_over(tmp_path, monkeypatch):
    closed = tmp_path / "data"
    closed.mkdir()
    code = tmp_path / "app.py"
    code.write_text("first")
    stat = os.stat

    def refuse(path, *args, **more):
        if str(path).startswith(f"{closed}/"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *args, **more)

    monkeypatch.setattr(os, "stat", refuse)
    changes = Changes(tmp_path, None)
    code.write_text("the second")

    assert await changes.next() == [code]

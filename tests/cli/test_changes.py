"""Which files are watched, and what happens to them."""

from __future__ import annotations

import os

from flowworker.cli.changes import Changes


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

"""The units, read as systemd reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path("deploy/systemd")
UNITS = sorted(FOLDER.glob("*.service"))


class Unit:
    """The settings of a unit's section [Service]."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text("utf-8")
        _, _, section = self.text.partition("[Service]\n")
        section = section.partition("\n[")[0]
        lines = [line.partition("=") for line in section.splitlines() if line[:1].isalpha()]
        self.settings = [(name, value) for name, _, value in lines]

    def all(self, name: str) -> list[str]:
        """Values of a setting that may be given several times."""
        return [value for key, value in self.settings if key == name]

    def __getitem__(self, name: str) -> str:
        [value] = self.all(name)
        return value


@pytest.fixture(params=UNITS, ids=lambda path: path.stem)
def unit(request: pytest.FixtureRequest) -> Unit:
    """Each of the units."""
    return Unit(request.param)


@pytest.fixture
def units() -> dict[str, Unit]:
    """All of them, by what they run."""
    return {path.stem.removeprefix("flowworker-").rstrip("@"): Unit(path) for path in UNITS}

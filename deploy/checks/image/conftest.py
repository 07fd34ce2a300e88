"""The images that `run` built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.checks.image.container import Image, mounted


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The project's own."""
    with mounted("localhost/flowworker:checked", tmp_path_factory.mktemp("image")) as image:
        yield image


@pytest.fixture(scope="session")
def app_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """One that adds an App."""
    with mounted("localhost/flowworker-app:checked", tmp_path_factory.mktemp("app")) as image:
        yield image

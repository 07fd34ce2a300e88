"""`flowworker`, as if the extra `ui` were not installed."""

from __future__ import annotations

import sys
from typing import Any

from flowworker.cli import cli

if __name__ == "__main__":
    modules: dict[str, Any] = sys.modules
    modules |= {"starlette": None, "uvicorn": None}  # importing them fails
    cli(prog_name="flowworker")

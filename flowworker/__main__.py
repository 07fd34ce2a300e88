"""`python -m flowworker`."""

from __future__ import annotations

from flowworker.cli import main

if __name__ == "__main__":
    main()

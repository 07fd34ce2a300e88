"""`python -m flowworker`, and the program `flowworker`."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process; Ctrl-C ends it quietly from the first moment on."""
    try:
        from flowworker.cli import main as run  # noqa: PLC0415 - imports a lot
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run()


if __name__ == "__main__":
    main()

"""Errors as people see them: one line on stderr, and an exit code that scripts can rely on."""

from __future__ import annotations

__all__ = [
    "FAILED",
    "INVALID",
    "NOT_FOUND",
    "REFUSED",
    "TIMED_OUT",
    "UNREACHABLE",
    "Commands",
    "exit_code",
    "report",
    "say",
]

import errno
import os
import sys
import traceback
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.terminal import is_colored, prepare_streams
from flowworker.codec.text import escaped
from flowworker.codec.text import one_line as plain
from flowworker.errors import (
    DefinitionError,
    FlowworkerError,
    InvalidInput,
    LockTimeoutError,
    NotFound,
    ResultTimeout,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowworker.cli.contents import Listed

FAILED = 1
"""The run failed, or a check did not pass, or something that should not happen did."""
INVALID = 2
NOT_FOUND = 3
UNREACHABLE = 4
TIMED_OUT = 5
REFUSED = 6
"""Of several runs that were to be acted on, some refused it."""
INTERRUPTED = 130
"""What shells report for a program that Ctrl-C ended."""

DEBUG = "FLOWWORKER_DEBUG"
"""Environment variable: if set, errors that are bugs show their traceback."""

_CODES: tuple[tuple[type[FlowworkerError], int], ...] = (
    (DefinitionError, INVALID),
    (InvalidInput, INVALID),
    (NotFound, NOT_FOUND),
    (Unavailable, UNREACHABLE),
    (ResultTimeout, TIMED_OUT),
    (LockTimeoutError, TIMED_OUT),
)


def exit_code(error: FlowworkerError) -> int:
    """The exit code for an error of the tree."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


class Commands(click.Group):
    """A group of commands that always ends with an exit code, and never with a traceback."""

    def __init__(
        self,
        *args: Any,
        sections: Mapping[str, Mapping[str, Listed]] | None = None,
        **more: Any,
    ) -> None:
        """Have the commands that are added, and those of `sections`, by title and name.

        These are imported when they are asked for.
        """
        super().__init__(*args, **more)
        self._sections = sections or {}
        self._listed = {name: one for each in self._sections.values() for name, one in each.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added: from the first that one needs to the last."""
        del ctx
        return [*self._listed, *(name for name in self.commands if name not in self._listed)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now if it was not before."""
        if cmd_name in self._listed and cmd_name not in self.commands:
            module, _, attribute = self._listed[cmd_name].home.partition(":")
            self.add_command(getattr(import_module(f"flowworker.cli.{module}"), attribute))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, without a look at them; those of a group without."""
        if not self._sections:
            super().format_commands(ctx, formatter)
        widest = max(map(len, self._listed), default=0)
        for title, section in self._sections.items():
            with formatter.section(title):
                rows = [(name.ljust(widest), one.line) for name, one in section.items()]
                formatter.write_dl(rows)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Read the arguments, and show what `--help` shows."""
        with _unread_is_fine():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Do what is asked for."""
        with _unread_is_fine():
            return super().invoke(ctx)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command and exit."""
        prepare_streams()
        if not is_colored(sys.stdout):
            options["color"] = False
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
            sys.stdout.flush()
        except BaseException as error:  # noqa: BLE001 - no traceback reaches a user
            code = report(error)
        sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _unread_is_fine() -> Iterator[None]:
    """A reader that closes the pipe has read enough; click would call that a failure."""
    try:
        yield
    except BrokenPipeError:
        _forget_output()
        raise click.exceptions.Exit(0) from None


def report(error: BaseException) -> int:
    """Say what happened, and return the exit code."""
    match error:
        case BrokenPipeError():
            _forget_output()
            return 0
        case SystemExit():
            raise error
        case click.Abort() | KeyboardInterrupt():
            return INTERRUPTED
        case click.ClickException():
            return _report_usage(error)
        case FlowworkerError():
            return _report_known(error)
        case ExceptionGroup():
            return report(error.exceptions[0])
        case OSError() if error.strerror:
            where = f"{error.filename}: " if error.filename else ""
            _say(f"{where}{error.strerror}")
        case _ if os.environ.get(DEBUG):
            text = "".join(traceback.format_exception(error))
            click.echo(escaped(text, keep="\n\t"), err=True, nl=False)
        case _:
            _say(
                f"this is a bug: {type(error).__name__}: {error} "
                f"(set {DEBUG}=1 to see where, and please report it)"
            )
    return FAILED


def _report_usage(error: click.ClickException) -> int:
    message = error.format_message()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(message, err=True)
    elif isinstance(error, click.UsageError) and error.ctx is not None:
        message = " ".join(message.split()).rstrip(".")  # choices stand one a line
        _say(f"{message}; see `{error.ctx.command_path} --help`")
    else:
        _say(message)
    return INVALID


def _report_known(error: FlowworkerError) -> int:
    if isinstance(error, DefinitionError) and len(error.problems) > 1:
        for problem in error.problems:
            say(plain(str(problem)))
        more = " or more" if error.has_more else ""
        _say(f"{len(error.problems)}{more} problems in the definitions")
    else:
        _say(str(error))
    return exit_code(error)


def _say(message: str) -> None:
    """One line on stderr; of many the first, which says what happened, and the last, which why."""
    lines = [" ".join(line.split()) for line in message.splitlines() if line.strip()]
    line = escaped(" ".join((lines[0], lines[-1]) if len(lines) > 1 else lines))
    from flowworker.telemetry.log import get_logger, is_json

    if is_json():
        get_logger().error(line)
        return
    mark = click.style("error", fg="red") if is_colored(sys.stderr) else "error"
    try:
        click.echo(f"{mark}: {line}", err=True, color=True)
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        _forget_output()


def say(text: str) -> None:
    """Write a line to stderr; nothing if that is closed."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)


def _forget_output() -> None:
    """The reader of the output is gone; the interpreter must not complain when it flushes."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(null, stream.fileno())
        except (OSError, ValueError):
            continue

"""Finds the `App` that `--app MOD[:ATTR]` names."""

from __future__ import annotations

__all__ = ["app_option", "load_app", "load_apps", "user_files"]

import importlib
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowworker.codec.text import one_line
from flowworker.errors import FlowworkerError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from flowworker.handlers import App

DEFAULT_ATTRIBUTE = "app"

_LIBRARIES = (
    Path(__file__).parent.parent,
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)


def app_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--app`."""
    return click.option(
        "--app",
        "app_names",
        required=True,
        multiple=True,
        metavar="MOD[:ATTR]",
        help="Module with the App, found from the current directory; ATTR is `app` unless the "
        "module has just one App. May be given several times.",
    )(command)


def load_apps(names: tuple[str, ...]) -> App:
    """One App with the handlers of all that are named.

    Raises:
        InvalidInput: one cannot be had, or two have a handler of one name.
    """
    from flowworker.handlers import App

    apps = list(dict.fromkeys(load_app(name) for name in names))
    if len(apps) == 1:
        return apps[0]
    together = App()
    for app in apps:
        together.include(app)
    return together


def load_app(name: str) -> App:
    """Import a module and return its App.

    Raises:
        InvalidInput: says what is wrong with the name, the module, or what it contains.
    """
    from flowworker.handlers import App

    module_name, colon, attribute = name.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")) or (colon and not attribute):
        raise InvalidInput(f"--app: expected MODULE or MODULE:ATTRIBUTE, found {name!r:.150}")
    module = _import(module_name)
    apps = {key: value for key, value in vars(module).items() if isinstance(value, App)}
    if attribute:
        return _attribute(module, attribute, App)
    if DEFAULT_ATTRIBUTE in apps:
        return apps[DEFAULT_ATTRIBUTE]
    distinct = {id(app): app for app in apps.values()}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    if not apps:
        raise InvalidInput(f"--app {name}: the module has no flowworker.App")
    names = ", ".join(f"{module_name}:{key}" for key in sorted(apps))
    raise InvalidInput(f"--app {name}: the module has several Apps, name one: {names}")


def user_files() -> tuple[Path, ...]:
    """The Python files of the user's that this process has loaded."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    own = {file for file in files if file and file.endswith(".py") and not _is_elsewhere(file)}
    return tuple(map(Path, sorted(own)))


def _attribute(module: ModuleType, path: str, kind: type[App]) -> App:
    value: Any = module
    for part in path.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise InvalidInput(f"--app: module {module.__name__} has no {path!r}") from None
    if not isinstance(value, kind):
        found = type(value).__name__
        raise InvalidInput(f"--app {module.__name__}:{path}: expected an App, found {found}")
    return value


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # What a module raises when it is imported, SystemExit included, is reported in one line.
        raise InvalidInput(f"--app: cannot import {name!r}: {_cause(error, name)}") from error


def _cause(error: BaseException, name: str) -> str:
    """Type, message and place of an error, in the user's code if it has any part in it."""
    from flowworker.worker.failures import error_info

    info = error_info(error)
    text = f"{info.type}: {info.message}" if info.message else info.type
    if isinstance(error, FlowworkerError):
        text = one_line(str(error))
    place = _innermost(error, name)
    if isinstance(error, SyntaxError) and error.filename is not None:
        text = f"{info.type}: {one_line(error.msg)}"
        written = f"{error.filename}, line {error.lineno}"
        if place is None or not _is_elsewhere(error.filename):
            place = written
        elif Path(error.filename).is_file():
            text = f"{text} in {written}"
    return text if place is None else f"{text} ({place})"


def _innermost(error: BaseException, name: str) -> str | None:
    """File and line nearest to the error: of the user's code, or else of a library's."""
    package = name.partition(".")[0]
    own = other = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        file, module = frame.f_code.co_filename, str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] == package or not _is_elsewhere(file):
            own = f"{file}, line {line}"
        elif not file.startswith("<") and module.partition(".")[0] not in {
            "flowworker",
            "importlib",
        }:
            other = f"{file}, line {line}"
    return own or other


def _is_elsewhere(file: str) -> bool:
    """Whether this is code of Python, of something that was installed, or of no file."""
    return file.startswith("<") or any(map(Path(file).is_relative_to, _LIBRARIES))

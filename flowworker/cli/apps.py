"""Finds the `App` that `--app MOD[:ATTR]` names."""

from __future__ import annotations

__all__ = ["app_option", "load_app", "load_apps"]

import importlib
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowworker.errors import FlowworkerError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from flowworker.worker import App

DEFAULT_ATTRIBUTE = "app"


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
    from flowworker.worker import App

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
    from flowworker.worker import App

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
        # Whatever a module does when it is imported, SystemExit included, is told in one line.
        raise InvalidInput(f"--app: cannot import {name!r}: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """Type, message and place of an error in the user's code."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, FlowworkerError):
        text = str(error)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    return f"{text} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else text

"""What a function takes from a step's input, and whether it can be a handler at all."""

from __future__ import annotations

__all__ = [
    "Signature",
    "check_function",
    "check_result",
    "is_async",
    "read_signature",
    "result_schema",
    "where",
]

import inspect
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, is_dataclass
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from flowworker.codec.models import from_json, is_model
from flowworker.errors import ConversionError, InvalidInput
from flowworker.handlers.annotations import schema_of, unreadable, unwritable
from flowworker.handlers.context import StepContext

_EMPTY = inspect.Parameter.empty
_MAPPINGS = (dict, Mapping, MutableMapping)
_UNTYPED = (_EMPTY, Any, *_MAPPINGS, *(kind[str, Any] for kind in _MAPPINGS))
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_SHOWN_KEYS = 20


@dataclass(frozen=True, slots=True)
class _Argument:
    """A parameter after the context; `required` if it has no default."""

    name: str
    type: Any
    required: bool
    untyped: bool

    def convert(self, handler: str, value: Any) -> Any:
        if self.untyped:
            return value
        try:
            return from_json(value, self.type)
        except ValueError as error:
            raise ConversionError(f"{handler}: argument {self.name!r}: {error}") from error

    def described(self) -> list[Any]:
        """What it is, in JSON: two that take the same are described alike."""
        schema = None if self.untyped else schema_of(self.type)
        return [self.name, self.required, self.expected() if schema is None else schema]

    def expected(self) -> str:
        return str(getattr(self.type, "__name__", self.type))


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments after the context.

    Attributes:
        takes_whole: there is one, and it gets the whole input unless the input has its name.
    """

    arguments: tuple[_Argument, ...]
    takes_whole: bool

    def fill(self, handler: str, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, from a step's input.

        Raises:
            ConversionError: the input does not fit.
        """
        values: dict[str, Any] = {}
        for argument in self.arguments:
            if argument.name in given:
                values[argument.name] = argument.convert(handler, given[argument.name])
            elif self.takes_whole:
                values[argument.name] = argument.convert(handler, given)
            elif argument.required:
                raise ConversionError(_missing(handler, argument, given))
        return values


def read_signature(
    name: str, function: Callable[..., Any], scope: Mapping[str, Any] | None
) -> Signature:
    """The signature of the function that is handler `name`.

    Args:
        name: of the handler, for error messages.
        function: as checked by `check_function`.
        scope: local names where it was defined, in which annotations may be found.

    Raises:
        InvalidInput: no JSON value becomes one of the arguments.
        NameError: an annotation names what is defined later.
    """
    parameters = list(inspect.signature(function).parameters.values())[1:]
    types = _types_of(name, function, {p.name: p.annotation for p in parameters}, scope)
    arguments = []
    for parameter in parameters:
        annotation = types[parameter.name]
        untyped = annotation in _UNTYPED
        if not untyped and (problem := unreadable(annotation)):
            place = where(function)
            raise InvalidInput(f"{name}: parameter {parameter.name!r} of {place}: {problem}")
        required = parameter.default is _EMPTY
        arguments.append(_Argument(parameter.name, annotation, required, untyped))
    takes_whole = len(arguments) == 1 and _is_structured(arguments[0].type)
    return Signature(tuple(arguments), takes_whole)


def check_function(name: str, function: Callable[..., Any]) -> None:
    """Refuse what cannot be called with a context, and arguments by name.

    Raises:
        InvalidInput: says why.
    """
    if inspect.isclass(function) or not callable(function):
        raise InvalidInput(f"{name}: expected a function, found {function!r}")
    place = where(function)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidInput(f"{name}: {place} is a generator; a handler returns its result")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind not in _BY_POSITION:
        raise InvalidInput(f"{name}: {place} must take the context as its first parameter")
    _check_context(name, function, parameters[0])
    for parameter in parameters[1:]:
        if parameter.kind not in _BY_NAME:
            raise InvalidInput(
                f"{name}: parameter {str(parameter)!r} of {place} cannot be filled by name; "
                "take the whole input as a dict, or read ctx.input"
            )


def check_result(name: str, function: Callable[..., Any], scope: Mapping[str, Any] | None) -> bool:
    """Refuse a result that is not JSON before there is one; whether its type was found.

    Raises:
        InvalidInput: no value of the annotated type is JSON.
    """
    annotation = inspect.signature(function).return_annotation
    if annotation is _EMPTY:
        return True
    try:
        found = _types_of(name, function, {"return": annotation}, scope)["return"]
        problem = unwritable(found)
    except (NameError, InvalidInput):
        return False  # defined further down, or imported for type checkers only
    if problem:
        raise InvalidInput(f"{name}: the result of {where(function)}: {problem}")
    return True


def result_schema(name: str, function: Callable[..., Any]) -> dict[str, Any] | None:
    """The JSON Schema of what a function returns; None if its annotation does not tell."""
    annotation = inspect.signature(function).return_annotation
    if annotation is _EMPTY:
        return None
    try:
        return schema_of(_types_of(name, function, {"return": annotation}, None)["return"])
    except (NameError, InvalidInput):
        return None


def where(function: Callable[..., Any]) -> str:
    """Name and place of a function, for error messages."""
    inner = _innermost(function)
    name = getattr(inner, "__qualname__", repr(inner))
    code = getattr(inner, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call of it returns a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # an object whose call is async
    )


def _missing(handler: str, argument: _Argument, given: dict[str, Any]) -> str:
    keys = sorted(given)
    more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    return (
        f"{handler}: argument {argument.name!r}: expected `{argument.expected()}`, "
        f"but the input has no such key; found {', '.join(keys[:_SHOWN_KEYS])}{more}"
    )


def _check_context(name: str, function: Callable[..., Any], parameter: inspect.Parameter) -> None:
    """A handler that forgot the context would get it as something else."""
    try:
        wanted = {"context": parameter.annotation}
        annotation = _types_of(name, function, wanted, None)["context"]
    except (NameError, InvalidInput):
        return  # imported for type checkers only
    free = annotation in (Any, _EMPTY) or getattr(annotation, "_is_protocol", False)
    if free or not isinstance(annotation, type):
        return
    if not issubclass(annotation, StepContext) and not issubclass(StepContext, annotation):
        raise InvalidInput(
            f"{name}: the first parameter of {where(function)} is the context, a StepContext, "
            f"but {parameter.name!r} is annotated as {annotation.__name__}"
        )


def _innermost(function: Callable[..., Any]) -> Any:
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    if not hasattr(function, "__globals__") and not inspect.ismethod(function):
        return type(function).__call__
    return function


def _types_of(
    name: str,
    function: Callable[..., Any],
    wanted: dict[str, Any],
    scope: Mapping[str, Any] | None,
) -> dict[str, Any]:
    # Those of context and result may be imported for type checkers only: ask for what is wanted.
    known = getattr(_innermost(function), "__globals__", {})
    holder = SimpleNamespace(__annotations__=wanted)
    try:
        return get_type_hints(holder, known, dict(scope or {}), include_extras=True)
    except (AttributeError, SyntaxError, TypeError) as error:
        raise InvalidInput(f"{name}: an annotation of {where(function)}: {error}") from error


def _is_structured(annotation: Any) -> bool:
    """Whether a whole input may become one of these."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    origin = get_origin(annotation) or annotation
    if annotation in _UNTYPED or origin in _MAPPINGS or is_typeddict(origin):
        return True
    return isinstance(origin, type) and (
        issubclass(origin, msgspec.Struct)
        or is_dataclass(origin)
        or hasattr(origin, "__attrs_attrs__")
        or is_model(origin)
    )

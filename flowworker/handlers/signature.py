"""A handler: a function whose signature was read once, typed arguments in, JSON out."""

from __future__ import annotations

__all__ = ["Handler", "encode_output", "where"]

import inspect
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, is_dataclass
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin, get_type_hints, is_typeddict

import msgspec

from flowworker.codec.models import from_json, is_model
from flowworker.codec.values import encode_value
from flowworker.errors import ConversionError, InvalidInput
from flowworker.handlers.annotations import unreadable, unwritable
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

    def expected(self) -> str:
        return str(getattr(self.type, "__name__", self.type))


class Handler:
    """A function under the name by which steps use it.

    Attributes:
        name: as in `uses`.
        function: called with the context and the arguments.
        threaded: it is a plain function, so it runs in a thread.
        heartbeat_timeout: seconds that it may go on without a heartbeat; None for no limit.
    """

    __slots__ = (
        "_arguments",
        "_result_is_known",
        "_whole",
        "function",
        "heartbeat_timeout",
        "name",
        "threaded",
    )

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        scope: Mapping[str, Any] | None = None,
        heartbeat_timeout: float | None = None,
    ) -> None:
        """Read the signature.

        Args:
            name: as in `uses`.
            function: `async def` or `def`; its first parameter is the context.
            scope: local names where it was defined, in which annotations may be found.
            heartbeat_timeout: seconds that it may go on without a heartbeat.

        Raises:
            InvalidInput: it cannot be called as a handler, or that is no number of seconds.
        """
        if heartbeat_timeout is not None and not _is_time(heartbeat_timeout):
            found = f"found {heartbeat_timeout!r:.100}"
            raise InvalidInput(f"{name}: heartbeat_timeout: expected seconds above 0, {found}")
        self.heartbeat_timeout = heartbeat_timeout
        self.name = name
        self.function = function
        self.threaded = not _is_async(function)
        parameters = _parameters_of(name, function)
        self._arguments: tuple[_Argument, ...] | None = None
        self._whole = False
        self._result_is_known = self._read_result(scope)
        try:
            self._read(parameters, scope)
        except NameError:
            # A class that is defined further down; `resolve` looks again.
            self._arguments = None

    def resolve(self) -> None:
        """Find the types that were not yet defined when the function was.

        Raises:
            InvalidInput: an annotation cannot be found or converted.
        """
        if not self._result_is_known:
            self._result_is_known = self._read_result(None)
        if self._arguments is not None:
            return
        try:
            self._read(_parameters_of(self.name, self.function), None)
        except NameError as error:
            text = f"an annotation of {where(self.function)} cannot be found: {error}"
            hint = "import it at run time, not under TYPE_CHECKING"
            raise InvalidInput(f"{self.name}: {text}; {hint}") from error

    @property
    def takes_input(self) -> bool:
        """Whether it has arguments after the context."""
        return self._arguments is None or bool(self._arguments)

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments after the context, from a step's input.

        Raises:
            ConversionError: the input does not fit the signature.
        """
        if self._arguments is None:
            self.resolve()
        values: dict[str, Any] = {}
        for argument in self._arguments or ():
            if argument.name in given:
                values[argument.name] = argument.convert(self.name, given[argument.name])
            elif self._whole:
                values[argument.name] = argument.convert(self.name, given)
            elif argument.required:
                raise ConversionError(self._missing(argument, given))
        return values

    def _missing(self, argument: _Argument, given: dict[str, Any]) -> str:
        keys = sorted(given)
        more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
        return (
            f"{self.name}: argument {argument.name!r}: expected `{argument.expected()}`, "
            f"but the input has no such key; found {', '.join(keys[:_SHOWN_KEYS])}{more}"
        )

    def _read_result(self, scope: Mapping[str, Any] | None) -> bool:
        """Refuse a result that is not JSON before there is one; whether its type was found."""
        annotation = inspect.signature(self.function).return_annotation
        if annotation is _EMPTY:
            return True
        try:
            found = _types_of(self.name, self.function, {"return": annotation}, scope)["return"]
            problem = unwritable(found)
        except (NameError, InvalidInput):
            return False  # defined further down, or imported for type checkers only
        if problem:
            raise InvalidInput(f"{self.name}: the result of {where(self.function)}: {problem}")
        return True

    def _read(self, parameters: list[inspect.Parameter], scope: Mapping[str, Any] | None) -> None:
        annotations = {p.name: p.annotation for p in parameters}
        types = _types_of(self.name, self.function, annotations, scope)
        arguments = []
        for parameter in parameters:
            annotation = types[parameter.name]
            if annotation not in _UNTYPED and (problem := unreadable(annotation)):
                place = where(self.function)
                raise InvalidInput(
                    f"{self.name}: parameter {parameter.name!r} of {place}: {problem}"
                )
            required = parameter.default is _EMPTY
            untyped = annotation in _UNTYPED
            arguments.append(_Argument(parameter.name, annotation, required, untyped))
        self._arguments = tuple(arguments)
        self._whole = len(arguments) == 1 and _is_structured(arguments[0].type)


def where(function: Callable[..., Any]) -> str:
    """Name and place of a function, for error messages."""
    inner = _innermost(function)
    name = getattr(inner, "__qualname__", repr(inner))
    code = getattr(inner, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


def encode_output(name: str, value: Any) -> bytes:
    """What a handler returned, as JSON.

    Raises:
        ConversionError: it cannot be put into JSON.
    """
    try:
        return encode_value(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        kind = type(value).__name__
        raise ConversionError(f"{name}: the result, a {kind}, is not JSON: {error}") from error


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")


def _innermost(function: Callable[..., Any]) -> Any:
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    if not hasattr(function, "__globals__") and not inspect.ismethod(function):
        return type(function).__call__
    return function


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # an object whose call is async
    )


def _parameters_of(name: str, function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters after the context."""
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
    return parameters[1:]


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

"""A handler: a function whose signature was read once, typed arguments in, JSON out."""

from __future__ import annotations

__all__ = ["Handler"]

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import encode_sorted
from flowworker.codec.values import encode_value
from flowworker.errors import ConversionError, InvalidInput
from flowworker.handlers.signature import (
    Signature,
    check_function,
    check_result,
    is_async,
    read_signature,
    result_schema,
    where,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_DIGITS = 16
"""Of a digest, in hex."""


class Handler:
    """A function under the name by which steps use it.

    Attributes:
        name: as in `uses`.
        function: called with the context and the arguments.
        threaded: it is a plain function, so it runs in a thread.
        heartbeat_timeout: seconds that it may go on without a heartbeat; None for no limit.
    """

    __slots__ = (
        "_result_is_known",
        "_signature",
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
        check_function(name, function)
        self.name = name
        self.function = function
        self.threaded = not is_async(function)
        self.heartbeat_timeout = heartbeat_timeout
        self._result_is_known = check_result(name, function, scope)
        self._signature: Signature | None = None
        with suppress(NameError):  # a class that is defined further down; `resolve` looks again
            self._signature = read_signature(name, function, scope)

    def resolve(self) -> None:
        """Find the types that were not yet defined when the function was.

        Raises:
            InvalidInput: an annotation cannot be found or converted.
        """
        if not self._result_is_known:
            self._result_is_known = check_result(self.name, self.function, None)
        if self._signature is None:
            self._signature = self._read()

    @property
    def takes_input(self) -> bool:
        """Whether it has arguments after the context."""
        return self._signature is None or bool(self._signature.arguments)

    @property
    def parameters(self) -> dict[str, bool] | None:
        """Those after the context that are filled by name, and whether a value is required.

        None if it may be given anything: it has none, or takes the whole input, or is not resolved.
        """
        found = self._signature
        if found is None or not found.arguments or found.takes_whole:
            return None
        return {argument.name: argument.required for argument in found.arguments}

    @property
    def output_schema(self) -> dict[str, Any] | None:
        """The JSON Schema of what it returns, as far as its annotation tells."""
        return result_schema(self.name, self.function)

    @property
    def digest(self) -> str:
        """Differs between handlers of one name that take or return something else."""
        found = self._signature
        taken = [] if found is None else [one.described() for one in found.arguments]
        described = encode_sorted([taken, self.output_schema])
        return hashlib.sha256(described).hexdigest()[:_DIGITS]

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments after the context, from a step's input.

        Raises:
            ConversionError: the input does not fit the signature.
        """
        if self._signature is None:
            self._signature = self._read()
        return self._signature.fill(self.name, given)

    def encode_output(self, value: Any) -> bytes:
        """What the function returned, as JSON.

        Raises:
            ConversionError: it cannot be put into JSON.
        """
        try:
            return encode_value(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            kind = type(value).__name__
            text = f"{self.name}: the result, a {kind}, is not JSON: {error}"
            raise ConversionError(text) from error

    def _read(self) -> Signature:
        try:
            return read_signature(self.name, self.function, None)
        except NameError as error:
            text = f"an annotation of {where(self.function)} cannot be found: {error}"
            hint = "import it at run time, not under TYPE_CHECKING"
            raise InvalidInput(f"{self.name}: {text}; {hint}") from error


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")

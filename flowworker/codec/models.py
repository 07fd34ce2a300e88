"""pydantic models as JSON, by what they can do: pydantic itself is not imported.

They are written by their aliases, as they are read, so that a step can read another one's output.
"""

from __future__ import annotations

__all__ = ["as_json", "from_json", "is_model"]

from typing import Any

import msgspec

_SHOWN = 5
"""Problems that an error message names."""


class _Misfit(ValueError):
    """A value that a model refuses: each problem with the path to it within the model."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__()
        self.problems = problems


def is_model(kind: Any) -> bool:
    """Whether this is a class of pydantic models (of its second version)."""
    return isinstance(kind, type) and all(
        callable(getattr(kind, name, None)) for name in ("model_validate_json", "model_dump")
    )


def as_json(value: Any) -> Any:
    """What msgspec does not know, as what it knows: its `enc_hook`.

    Raises:
        TypeError: it is no model.
        ValueError: the model cannot be written as JSON.
    """
    kind = type(value)
    if not is_model(kind):
        raise TypeError(f"Encoding objects of type {kind.__name__} is unsupported")
    try:
        return value.model_dump(mode="json", by_alias=True)
    except Exception as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


def from_json(value: Any, kind: Any) -> Any:
    """A JSON value as an instance of `kind`, in which there may be models.

    Raises:
        ValueError: it does not fit; says what does not, and where.
    """
    try:
        return msgspec.convert(value, kind, str_keys=True, dec_hook=_read)
    except msgspec.ValidationError as error:
        if not isinstance(error.__cause__, _Misfit):
            raise
        outer = str(error).removeprefix(" - at `$").removesuffix("`")
        problems = error.__cause__.problems
        shown = [_line(text, outer + path) for text, path in problems[:_SHOWN]]
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise ValueError("; ".join([*shown, *more])) from error.__cause__.__cause__


def _read(kind: Any, value: Any) -> Any:
    """The `dec_hook`; what is no model has to be of its kind already."""
    if not is_model(kind):
        return value
    try:
        # Not as Python values: a strict model takes a date for a date in JSON alone.
        return kind.model_validate_json(msgspec.json.encode(value))
    except Exception as error:
        raise _Misfit(_problems(error)) from error


def _problems(error: Exception) -> list[tuple[str, str]]:
    try:
        return [(each["msg"], _path(each["loc"])) for each in error.errors()]  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001  # a validator's own error
        return [(f"{type(error).__name__}: {error}", "")]


def _line(text: str, path: str) -> str:
    return f"{text} - at `${path}`" if path else text


def _path(places: tuple[int | str, ...]) -> str:
    return "".join(f"[{place}]" if isinstance(place, int) else f".{place}" for place in places)

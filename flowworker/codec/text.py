"""Texts that others wrote, as they may be shown: nothing in them steers a terminal."""

from __future__ import annotations

__all__ = ["escaped", "one_line"]


def escaped(text: str, keep: str = "") -> str:
    r"""The text with everything escaped that is not to be seen, such as `\x1b` or `\u202e`.

    Args:
        text: any text.
        keep: characters that stay as they are, such as the newlines of a traceback.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def one_line(text: str) -> str:
    """The text escaped, in one line: what separates lines or words is a space."""
    return escaped("".join(" " if c.isspace() else c for c in text))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

"""Tokens: whose they are, and the cookies that stand for them in a browser.

A cookie is made of its token by HMAC, and says until when it holds. So nothing has to be kept for
it: it holds for every process that has the token, and no longer than the token is among them.
"""

from __future__ import annotations

__all__ = ["SESSION", "Tokens", "check_token", "read_tokens"]

import hmac
import secrets
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Self

from flowworker.core.ids import TOKEN
from flowworker.errors import InvalidInput
from flowworker.web.roles import Caller, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SESSION = 12 * 3600.0
"""Seconds for which a login in a browser holds."""

SHORTEST = 16
"""Characters of a token: what is shorter can be guessed."""

_ROLES = {role.value: role for role in (Role.VIEWER, Role.OPERATOR)}
_EXPECTED = "expected a name, viewer or operator, and a token, with spaces between"


@dataclass(frozen=True, slots=True, repr=False)
class _Known:
    caller: Caller
    token: str

    @property
    def key(self) -> bytes:
        """What its cookies are made with."""
        return sha256(b"flowworker session\0" + self.token.encode()).digest()


class Tokens:
    """Tokens that are accepted."""

    def __init__(self, known: Iterable[tuple[Caller, str]] = ()) -> None:
        """Accept these."""
        self._known = tuple(_Known(caller, token) for caller, token in known)

    def __len__(self) -> int:
        return len(self._known)

    @classmethod
    def made(cls) -> tuple[Self, str]:
        """One that was not there before, of an operator, and the token."""
        token = secrets.token_urlsafe(24)
        return cls([(Caller("local", Role.OPERATOR), token)]), token

    def caller(self, token: str) -> Caller | None:
        """Whose it is. All are compared, each in a time that says nothing of the token."""
        known = self._holder(token)
        return None if known is None else known.caller

    def cookie(self, token: str, now: float) -> str:
        """What stands for a token that is accepted, for some hours from now on."""
        known = self._holder(token)
        if known is None:
            raise InvalidInput("no cookie stands for a token that is not accepted")
        said = f"{known.caller.name}.{int(now + SESSION)}"
        return f"{said}.{_signature(known, said)}"

    def caller_by_cookie(self, cookie: str, now: float) -> Caller | None:
        """Whose it is, if it still holds."""
        said, _, signature = cookie.rpartition(".")
        _, _, until = said.rpartition(".")
        found = None
        for known in self._known:
            if hmac.compare_digest(_signature(known, said).encode(), signature.encode()):
                found = known
        if found is None or now >= float(until):  # which is signed
            return None
        return replace(found.caller, ambient=True)

    def _holder(self, token: str) -> _Known | None:
        given = sha256(token.encode()).digest()
        found = None
        for known in self._known:
            if hmac.compare_digest(sha256(known.token.encode()).digest(), given):
                found = known
        return found


def _signature(known: _Known, said: str) -> str:
    return hmac.new(known.key, said.encode(), sha256).hexdigest()


def read_tokens(text: str, source: str) -> Iterator[tuple[Caller, str]]:
    """The tokens of a file: `NAME ROLE TOKEN` in a line; empty lines and comments are nothing.

    Raises:
        InvalidInput: a line is something else; it is not shown, since it may hold a token.
    """
    names: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where = f"{source}:{number}"
        if len(words) != 3 or words[1] not in _ROLES:  # noqa: PLR2004 - see _EXPECTED
            raise InvalidInput(f"{where}: {_EXPECTED}")
        name, role, token = words
        if not TOKEN.fullmatch(name) or name in names:
            raise InvalidInput(
                f"{where}: expected a name of letters, digits, `_` and `-` that no other token has"
            )
        names.add(name)
        yield Caller(name, _ROLES[role]), check_token(token, where)


def check_token(token: str, where: str) -> str:
    """The token, if it can be one."""
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInput(
            f"{where}: expected a token of at least {SHORTEST} printable ASCII characters without "
            "spaces; such as `openssl rand -hex 24` makes"
        )
    return token

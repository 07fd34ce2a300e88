"""Whether a request may be answered: all checks, in their order, in one place.

The name that it was sent to, how often its sender asks, who that is, what they may do, and whether
a page of another site has caused it. None of them reads the body.
"""

from __future__ import annotations

__all__ = ["COOKIE", "CSRF_HEADER", "Access", "Asked", "Guard", "Proxy"]

from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address
from math import ceil
from typing import TYPE_CHECKING, Protocol

from flowworker.web.origins import is_foreign, is_meant
from flowworker.web.problems import ApiError
from flowworker.web.rates import Rate, Rates
from flowworker.web.roles import ANYBODY, Caller, Role
from flowworker.web.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.clock import Clock

COOKIE = "flowworker_session"
CSRF_HEADER = "flowworker-csrf"
"""What pages send with all that changes something. Another site's page cannot send it unless this
server allowed it to, which it never does."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
RATE = Rate(per_second=50.0, at_once=200)
"""Of one caller; of one address, while it is not known who asks."""

_FAILED_LOGINS = Rate(per_second=0.2, at_once=10)
"""Of one address: tokens that are not accepted."""


class Asked(Protocol):
    """What a request is for: an endpoint, as far as it matters here."""

    @property
    def name(self) -> str:
        """Which one."""
        ...

    @property
    def method(self) -> str:
        """Of HTTP."""
        ...

    @property
    def role(self) -> Role:
        """Who may ask."""
        ...

    @property
    def cost(self) -> float:
        """How much of the caller's rate it takes."""
        ...


@dataclass(frozen=True, slots=True)
class Proxy:
    """Who is believed to say who asks, because it has asked them itself.

    Attributes:
        networks: addresses that it connects from.
        user: the header with the caller's name.
        role: the header with the caller's role.
        otherwise: the role of those of whom the proxy says none.
    """

    networks: tuple[IPv4Network | IPv6Network, ...]
    user: str
    role: str = ""
    otherwise: Role = Role.VIEWER

    def caller(self, address: str, headers: Mapping[str, str]) -> Caller | None:
        """Whom it speaks for; None if that did not come from it, or names nobody."""
        name = headers.get(self.user, "")
        if not name or not self.trusts(address):
            return None
        said = headers.get(self.role, "") if self.role else ""
        role = Role(said) if said in set(Role) else self.otherwise
        return Caller(name[:200], role, ambient=True)

    def trusts(self, address: str) -> bool:
        """Whether it connects from there."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what.

    Attributes:
        names: of hosts by which this server is known, in lower case.
        secure: it is reached by HTTPS, so that cookies are sent by no other way.
    """

    tokens: Tokens = field(default_factory=Tokens)
    proxy: Proxy | None = None
    names: frozenset[str] = frozenset()
    read_only: bool = False
    secure: bool = False
    rate: Rate = RATE


class Guard:
    """Checks requests for one server."""

    def __init__(self, access: Access, clock: Clock) -> None:
        """By these rules."""
        self.access = access
        self._clock = clock
        self._rates = Rates(access.rate)
        self._failures = Rates(_FAILED_LOGINS)

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raise unless the request was meant for this server."""
        host = headers.get("host", "")
        if not is_meant(host, self.access.names):
            raise ApiError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"this server is not known as {host!r:.200}; if it should be, start it with "
                "--allow-host and that name",
            )

    def admit(
        self,
        endpoint: Asked,
        address: str,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
    ) -> Caller:
        """Who asks, if they may have an answer; raises ApiError."""
        caller = self._caller(address, headers, cookies)
        key = f"{caller.role}:{caller.name}" if caller.name else address
        self._limit(self._rates, key, endpoint.cost)
        if not caller.role.includes(endpoint.role):
            self._refuse(caller, endpoint)
        if endpoint.role is Role.OPERATOR and self.access.read_only:
            raise ApiError(HTTPStatus.FORBIDDEN, "this server only shows (--read-only)")
        if is_foreign(headers):
            raise ApiError(HTTPStatus.FORBIDDEN, "another site has caused this request")
        if caller.ambient and endpoint.method not in _SAFE and CSRF_HEADER not in headers:
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                f"expected the header {CSRF_HEADER}, with any value, as a cookie or a proxy says "
                "who asks",
            )
        return caller

    def login(self, address: str, token: str) -> tuple[Caller, str]:
        """Whose token it is, and the cookie that stands for it; raises ApiError for none."""
        caller = self._by_token(address, token)
        return caller, self.access.tokens.cookie(token, self._clock.now())

    def _by_token(self, address: str, token: str) -> Caller:
        caller = self.access.tokens.caller(token)
        if caller is None:
            self._limit(self._failures, address, 1.0)
            raise ApiError(HTTPStatus.UNAUTHORIZED, "that token is not accepted", _CHALLENGE)
        return caller

    def _caller(
        self, address: str, headers: Mapping[str, str], cookies: Mapping[str, str]
    ) -> Caller:
        if (said := headers.get("authorization")) is not None:
            scheme, _, token = said.partition(" ")
            return self._by_token(address, token.strip() if scheme.lower() == "bearer" else "")
        if self.access.proxy is not None:
            found = self.access.proxy.caller(address, headers)
            if found is not None:
                return found
        if COOKIE in cookies:
            found = self.access.tokens.caller_by_cookie(cookies[COOKIE], self._clock.now())
            if found is not None:
                return found
        return ANYBODY

    def _limit(self, rates: Rates, key: str, cost: float) -> None:
        wait = rates.wait(key, self._clock.monotonic(), cost)
        if wait:
            seconds = str(ceil(wait))
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many requests; ask again in {seconds} s",
                {"Retry-After": seconds},
            )

    def _refuse(self, caller: Caller, endpoint: Asked) -> None:
        if caller.role is Role.NOBODY:
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "expected a token, as `Authorization: Bearer TOKEN` or by POST /api/v1/session",
                _CHALLENGE,
            )
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            f"{endpoint.name} is for {endpoint.role}s; {caller.name} is a {caller.role}",
        )


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="flowworker"'}

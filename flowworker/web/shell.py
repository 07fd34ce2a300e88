"""What holds for every answer of every maker: the host that it is for, and headers of safety."""

from __future__ import annotations

__all__ = ["PAGE_POLICY", "Shell"]

from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from flowworker.codec.json import encode
from flowworker.web.problems import PROBLEM_TYPE, ApiError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flowworker.web.guard import Guard

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""What pages may load: nothing from elsewhere, and no script that stands in them."""

_ANSWER_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Shell:
    """Around an application."""

    def __init__(self, inner: ASGIApp, guard: Guard) -> None:
        """Let through what is meant for this server."""
        self._inner = inner
        self._guard = guard
        self._headers = dict(_HEADERS)
        if guard.access.secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        is_answer = str(scope.get("path", "")).startswith("/api/")

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers["Content-Security-Policy"] = _ANSWER_POLICY if is_answer else PAGE_POLICY
                if is_answer:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._guard.check_host(Headers(scope=scope))
        except ApiError as error:
            answer: Any = Response(encode(error.problem), error.status, None, PROBLEM_TYPE)
            await answer(scope, receive, send_safely)
            return
        await self._inner(scope, receive, send_safely)

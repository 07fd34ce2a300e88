"""The pages of the dashboard: files of this package, sent as they are."""

from __future__ import annotations

__all__ = ["PAGES", "page_routes"]

from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from flowworker.web.counting import ASKED_FOR, PAGE

if TYPE_CHECKING:
    from starlette.requests import Request

PAGES = files("flowworker.web") / "static"
"""Where they are; nothing builds or changes them."""

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def page_routes() -> list[Route]:
    """One for each file, read now: nothing else of the disk can be asked for."""
    pages = {page.name: _Page(page.name, page.read_bytes()) for page in PAGES.iterdir()}
    routes = [Route(f"/{name}", page.answer) for name, page in sorted(pages.items())]
    return [Route("/", pages["index.html"].answer), *routes]


class _Page:
    """One file."""

    def __init__(self, name: str, content: bytes) -> None:
        self._content = content
        self._type = _TYPES[name.rpartition(".")[2]]
        # A browser asks each time, and is answered in a few bytes: no page of one release ever
        # meets a script of another.
        self._headers = {
            "ETag": f'"{sha256(content).hexdigest()[:32]}"',
            "Cache-Control": "no-cache",
        }

    async def answer(self, request: Request) -> Response:
        """The file, unless the browser has it."""
        request.scope[ASKED_FOR] = PAGE
        if request.headers.get("if-none-match") == self._headers["ETag"]:
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, headers=self._headers, media_type=self._type)

"""Who may ask the monitor: the browser of whom it gave its URL to, and no other page in that browser."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from memlane.cli.serving import own_hosts

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    # No text becomes markup, whatever a script tries: names and values are whatever somebody wrote.
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the URL holds the token
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def make_token() -> str:
    """Return a new secret for a URL."""
    return secrets.token_urlsafe(24)


class Guard:
    """Lets through what comes by our own name, from our own page, with the token as the first part of its path.

    Args:
        app: What answers; it gets the path without the token.
        token: The secret.
        port: Where the server listens.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._prefix = f"/{token}"
        self._hosts = own_hosts(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            raise ValueError(f"the monitor answers HTTP alone, and got {scope['type']!r}")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(self._without_token(scope), receive, send_with_headers)
        else:
            await PlainTextResponse(f"{refusal}\n", status_code=403)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str | None:
        """Say why a request is refused, None where it is not."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "refused: the monitor is asked for as 127.0.0.1 or localhost, by no other name"
        if origins not in ([], [f"http://{hosts[0]}"]):
            return "refused: the request comes from another page than the monitor's own"
        if not secrets.compare_digest(self._first_part(scope).encode(), self._prefix.encode()):
            return "refused: the URL lacks the token; open the one that `memlane monitor` printed"
        return None

    def _first_part(self, scope: Scope) -> str:
        path: str = scope["path"]
        return path[: len(self._prefix)] if path[len(self._prefix) :].startswith("/") else ""

    def _without_token(self, scope: Scope) -> Scope:
        return {**scope, "path": scope["path"][len(self._prefix) :], "raw_path": None}

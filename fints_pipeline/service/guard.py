"""An ASGI guard in front of pages that have no login and do whatever they are told.

A page in some other tab of the user's browser can send requests to 127.0.0.1, and a name that an
attacker owns can be made to point there. So a request has to name this server in its Host header,
an Origin, where there is one, has to be this server's, and GraphQL is spoken by POST and WebSocket
alone: a link or an image must not be able to launch a run. Nor may another page show this one in a
frame, where a click that was meant for something else could launch it.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HOSTS_VARIABLE = "FINTS_UI_HOSTS"
_READS = ("GET", "HEAD", "OPTIONS")
_FRAMES = ("iframe", "frame", "object", "embed")
_FOREIGN = "Requests from other sites' pages are refused."
_UNFRAMED = [
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
]
"""A browser holds a page to each of its policies: this one stands beside the application's own."""


def allowed_hosts(port: int, more: Iterable[str] = ()) -> frozenset[str]:
    """Return the Host values to accept: loopback with the port, and ``more`` as they are written.

    ``FINTS_UI_HOSTS`` (comma separated) adds those that an authenticating proxy passes on.
    """
    named = [*more, *os.environ.get(HOSTS_VARIABLE, "").split(",")]
    stripped = (name.strip().lower() for name in named)
    return frozenset([f"{host}:{port}" for host in LOOPBACK] + [name for name in stripped if name])


class Guard:
    """Passes to ``app`` what comes from its own page; answers the rest with 400, 403 or 405.

    Args:
        app: The ASGI application to protect.
        hosts: Host header values to accept, lower case, with the port where it is not the scheme's;
            an empty one is never accepted.
    """

    def __init__(self, app: App, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
        else:
            await _answer(_unframed(send), *refused)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        hosts = _headers(scope, b"host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 403, f"This server does not answer to that Host; set {HOSTS_VARIABLE} to add it."
        if any(_origin_host(origin) not in self._hosts for origin in _headers(scope, b"origin")):
            return 403, _FOREIGN
        if any(kind in _FRAMES for kind in _headers(scope, b"sec-fetch-dest")):
            return 403, "This page is not shown in frames."
        if not _is_plain(scope["path"]):
            return 400, "That path leads out of the page."
        if scope["type"] == "http" and _is_graphql(scope["path"]) and scope["method"] != "POST":
            return 405, "GraphQL is spoken by POST and WebSocket only."
        is_read = scope["type"] == "http" and scope["method"] in _READS
        if not is_read and "cross-site" in _headers(scope, b"sec-fetch-site"):
            return 403, _FOREIGN
        return None


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]


def _origin_host(origin: str) -> str:
    """Return an Origin's host and port; "" for ``null`` and whatever is not a web origin."""
    parts = urlsplit(origin)
    return parts.netloc if parts.scheme in ("http", "https") else ""


def _is_plain(path: str) -> bool:
    """Return whether a decoded path has no ``..`` and no control character.

    A browser sends neither; Dagster answers them with a traceback in the log.
    """
    return ".." not in path.replace("\\", "/").split("/") and path.isprintable()


def _is_graphql(path: str) -> bool:
    return path.rstrip("/").lower().endswith("/graphql")


def _unframed(send: Send) -> Send:
    """Return ``send`` that forbids browsers to show what is sent in a frame."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0] != b"x-frame-options"]
            message = {**message, "headers": [*kept, *_UNFRAMED]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if status == 405:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": (text + "\n").encode()})

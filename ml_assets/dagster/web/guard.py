"""What is kept from Dagster's webserver, which asks nobody for a password: other sites in a person's browser.

A page of another site can make the browser ask for anything here, and with a name of its own that leads to this machine
(DNS rebinding) read the answers. Only requests that name this server, and come from its own pages, are let through; a
body that is no JSON is told so instead of failing inside.
"""

import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# A mutation has some kilobytes.
MOST_BYTES = 32 * 2**20


class Guard:
    """ASGI middleware in front of Dagster; `hosts` are names of this server besides those of the loopback."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._named = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 or 403, or hand on to Dagster."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None and _is_json(scope, headers):
            body, receive = await _read(receive)
            if body is None:
                refusal = PlainTextResponse("The body is too large.\n", 413)
            elif not _parses(body):
                refusal = PlainTextResponse("The body is not JSON.\n", 400)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not from here"})
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        name = _host_of(f"//{host}")
        if name not in LOOPBACK and name not in self._named:
            words = f"This server does not go by the name {name or '(none)'}. Names are given in UI_HOSTS.\n"
            return PlainTextResponse(words, 400)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            # A proxy may hand on the name without the port that the browser sees.
            if _host_of(origin) not in self._named:
                return PlainTextResponse("Pages of other sites may not ask for anything here.\n", 403)
        elif origin is None and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            # Without an origin: links may lead here, pictures and forms of other sites may not.
            is_link = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") in ("GET", "HEAD")
            if not is_link or scope["path"].rstrip("/").endswith("/graphql"):
                return PlainTextResponse("Pages of other sites may not ask for anything here.\n", 403)
        return None


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_json(scope: Scope, headers: Headers) -> bool:
    return scope.get("method") == "POST" and headers.get("content-type", "").startswith("application/json")


def _parses(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """The whole body, None where it is too large, and a function that hands it on."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None, receive
        if not message.get("more_body", False):
            break
    handed_on = False

    async def again() -> Message:
        nonlocal handed_on
        if handed_on:
            return await receive()
        handed_on = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again

"""Real receivers on loopback: an HTTP server that can also fail, hang or redirect, and an SMTP server."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Received:
    """What arrived, in order."""

    messages: list[dict[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]


class Hook(Received):
    """An HTTP endpoint whose behaviour can be changed: `ok`, a status, `hang`, `drip` or `redirect`."""

    def __init__(self, port: int, on_message: Callable[[str, dict[str, str]], None] | None) -> None:
        super().__init__()
        self.behaviour: str | int = "ok"
        self.port = port
        self.closing = Event()
        self.on_message = on_message

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook"


class _HookServer(ThreadingHTTPServer):
    daemon_threads = True
    hook: Hook


class _HookHandler(BaseHTTPRequestHandler):
    server: _HookServer

    def do_GET(self) -> None:
        self.server.hook.requests.append(("GET", self.path))
        self._answer(200)

    def do_POST(self) -> None:
        hook = self.server.hook
        hook.requests.append(("POST", self.path))
        payload: dict[str, Any] = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if hook.behaviour == "hang":
            hook.closing.wait(30)
        elif hook.behaviour == "drip":
            self._drip(hook.closing)
        elif hook.behaviour == "redirect":
            self._answer(302, Location=f"http://127.0.0.1:{hook.port}/elsewhere")
        elif hook.behaviour != "ok":
            self._answer(int(hook.behaviour))
        else:
            message = {"title": payload["title"], "body": payload["message"], "type": payload["type"]}
            hook.messages.append(message)
            if hook.on_message:
                hook.on_message("hook", message)
            self._answer(200)

    def _drip(self, closing: Event) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        while not closing.wait(0.2):
            self.wfile.write(b".")
            self.wfile.flush()

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def http_receiver(on_message: Callable[[str, dict[str, str]], None] | None = None) -> Iterator[Hook]:
    server = _HookServer(("127.0.0.1", 0), _HookHandler)
    server.hook = hook = Hook(server.server_port, on_message)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.closing.set()
        server.shutdown()
        server.server_close()


class Mailbox(Received):
    """An SMTP server's mailbox."""

    def __init__(self, on_message: Callable[[str, dict[str, str]], None] | None) -> None:
        super().__init__()
        self.on_message = on_message
        self.port = 0

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=ml@shop.example&to=team@shop.example&mode=insecure&format=text"

    async def handle_DATA(  # noqa: N802 the library's name
        self, server: object, session: object, envelope: Any
    ) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        body = mail.get_body(("plain",))
        content = body.get_content() if body is not None else ""
        message = {"title": str(mail["Subject"]), "body": content.strip(), "to": ",".join(envelope.rcpt_tos)}
        self.messages.append(message)
        if self.on_message:
            self.on_message("mail", message)
        return "250 OK"


@contextmanager
def smtp_receiver(on_message: Callable[[str, dict[str, str]], None] | None = None) -> Iterator[Mailbox]:
    mailbox = Mailbox(on_message)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        mailbox.port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()

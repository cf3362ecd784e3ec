"""A local inbox for the demonstration: takes messages by HTTP, keeps them in a file, shows them as a page.

It listens on this machine only, and ends by itself when nobody has looked for an hour. Run as
`python -m ml_assets.cli.demo.inbox FILE PORT`.
"""

import html
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ml_assets.errors import UserError

HOST = "127.0.0.1"
PROCESS = "inbox.pid"
SECONDS_ALONE = 3600
SECONDS_TO_START = 15
LONGEST = 1_000_000
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f4f5f7; color: #1d2129 }
header { background: #1d2129; color: #fff; padding: 1rem 2rem; font-weight: 600 }
main { max-width: 52rem; margin: 1.5rem auto; padding: 0 1rem }
article { background: #fff; border-left: 6px solid #0072B2; border-radius: 4px; margin: 0 0 1rem; padding: 1rem 1.25rem;
  box-shadow: 0 1px 2px #0002 }
article.failure { border-color: #D55E00 } article.warning { border-color: #E69F00 }
article.success { border-color: #009E73 }
h2 { font-size: 1.05rem; margin: 0 } time { color: #667; font-size: .85rem }
pre { font: inherit; white-space: pre-wrap; margin: .5rem 0 0 } p { color: #667 }
"""


def start_inbox(folder: Path, port: int) -> str:
    """Start the inbox in the background, or find the one that runs; returns its address.

    Raises `UserError` where the port is taken by something else, or the inbox does not start.
    """
    address = f"http://{HOST}:{port}"
    file = folder / "inbox.jsonl"
    if _answers(address, file):
        return address
    # One inbox per shop: one that listens on another port is nobody's any more.
    stop_inbox(folder)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ml_assets.cli.demo.inbox", str(file), str(port)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if _answers(address, file):
            # It outlives this process: nobody will wait for it.
            process.returncode = 0
            (folder / PROCESS).write_text(f"{process.pid} {port}", encoding="utf-8")
            return address
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise UserError(f"The inbox cannot listen on port {port} of {HOST}.", f"Choose another: --port {port + 1}.")


def stop_inbox(folder: Path) -> bool:
    """Stop the inbox of a home folder; whether one ran."""
    note = folder / PROCESS
    if not note.is_file():
        return False
    pid, port = map(int, note.read_text(encoding="utf-8").split())
    note.unlink()
    # A process of that number may be another one by now; only the inbox knows the folder.
    if not _answers(f"http://{HOST}:{port}", folder / "inbox.jsonl"):
        return False
    os.kill(pid, signal.SIGTERM)
    return True


def _answers(address: str, file: Path) -> bool:
    """Whether this shop's own inbox is there."""
    try:
        with urllib.request.urlopen(f"{address}/whose", timeout=1) as answer:  # noqa: S310 an address of this module
            return bool(answer.read().decode() == str(file.absolute()))
    except (urllib.error.URLError, OSError):
        return False


def read_inbox(file: Path) -> list[dict[str, str]]:
    """The messages so far, oldest first."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def page(messages: list[dict[str, str]]) -> str:
    """The page, newest message first."""
    articles = "\n".join(
        f'<article class="{html.escape(one["type"])}"><time>{html.escape(one["at"])}</time>'
        f"<h2>{html.escape(one['title'])}</h2><pre>{html.escape(one['body'])}</pre></article>"
        for one in reversed(messages)
    )
    empty = "<p>Nothing has arrived yet. This page looks again every five seconds.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        '<meta name="viewport" content="width=device-width"><title>ml_assets inbox</title>'
        f"<style>{STYLE}</style></head><body><header>ml_assets inbox: what your team's channel would show</header>"
        f"<main>{articles or empty}</main></body></html>"
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, file: Path, port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.file = file
        self.seen = time.monotonic()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.seen = time.monotonic()
        if self.path == "/whose":
            self._answer(str(self.server.file.absolute()), "text/plain")
        else:
            self._answer(page(read_inbox(self.server.file)), "text/html")

    def do_POST(self) -> None:
        self.server.seen = time.monotonic()
        length = int(self.headers.get("Content-Length", 0))
        if not 0 < length <= LONGEST:
            self.send_error(413)
            return
        given = json.loads(self.rfile.read(length))
        message = {
            "at": f"{datetime.now().astimezone():%a %d %b %Y %H:%M:%S %Z}",
            "title": str(given["title"]),
            "body": str(given["message"]),
            "type": str(given["type"]),
        }
        with self.server.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(message) + "\n")
        self._answer("taken", "text/plain")

    def _answer(self, text: str, kind: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Say nothing: nobody reads the output."""


def serve(file: Path, port: int) -> None:
    """Serve until nobody has looked for an hour."""
    server = _Server(file, port)

    def leave_when_alone() -> None:
        while time.monotonic() - server.seen < SECONDS_ALONE:
            time.sleep(10)
        os._exit(0)

    threading.Thread(target=leave_when_alone, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))

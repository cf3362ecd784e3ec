"""Dagster's webserver as we start it answers its own pages, and no others."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

QUERY = json.dumps({"query": "{ version }"})
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a webserver listens that goes by the name dagster.example.com as well."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "empty.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "ml_assets.dagster.web", "-f", "empty.py", "-h", "127.0.0.1", "-p", str(port)]
    environment = os.environ | {"DAGSTER_HOME": str(folder), "UI_HOSTS": "dagster.example.com"}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                try:
                    ask(port, "GET", "/server_info", None, {})
                    break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def ask(port: int, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_its_own_pages_are_answered(port: int) -> None:
    for name in (f"localhost:{port}", f"127.0.0.1:{port}", "dagster.example.com"):
        assert ask(port, "GET", "/server_info", None, {"Host": name})[0] == 200
        own = {"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}
        status, answer = ask(port, "POST", "/graphql", QUERY, JSON | own)
        assert status == 200
        assert "version" in json.loads(answer)["data"]
    # A proxy with TLS on a port of its own.
    behind = {"Host": "dagster.example.com", "Origin": "https://dagster.example.com:8443"}
    assert ask(port, "POST", "/graphql", QUERY, JSON | behind)[0] == 200
    # A link in a mail.
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask(port, "GET", "/runs", None, link)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example.com"}, 400),
        ({"Host": "evil.example.com:3000", "Origin": "http://evil.example.com:3000"}, 400),
        ({"Host": "localhost.evil.example.com"}, 400),
        ({"Host": "[::1"}, 400),
        ({"Host": ""}, 400),
        ({"Origin": "http://evil.example.com"}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ],
)
def test_other_sites_and_names_are_refused(port: int, headers: dict[str, str], status: int) -> None:
    assert ask(port, "POST", "/graphql", QUERY, JSON | headers)[0] == status
    assert ask(port, "GET", "/graphql?query={version}", None, headers)[0] == status


@pytest.mark.parametrize("body", ["{", "", "\x00", "[" * 100_000])
def test_what_is_no_json_is_told_so(port: int, body: str) -> None:
    assert ask(port, "POST", "/graphql", body, JSON) == (400, b"The body is not JSON.\n")


def test_a_websocket_of_another_site_is_not_opened(port: int) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "graphql-ws",
    }
    assert ask(port, "GET", "/graphql", None, upgrade | {"Origin": "http://evil.example.com"})[0] == 403
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        lines = [f"{name}: {value}" for name, value in (upgrade | {"Origin": f"http://127.0.0.1:{port}"}).items()]
        opened.sendall("\r\n".join(["GET /graphql HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, "", ""]).encode())
        assert opened.recv(100).startswith(b"HTTP/1.1 101")

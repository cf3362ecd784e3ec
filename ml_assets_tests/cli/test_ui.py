"""`ml-assets ui`: real processes, and what remains of them after Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil


def test_the_ui_answers_and_ctrl_c_leaves_no_process(postgres_url: str, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "ML_ASSETS_"))}
    environment = {**kept, "DATABASE_URL": postgres_url, "ML_ASSETS_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", "from ml_assets.cli.main import main; main()", "ui", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert any(f"http://127.0.0.1:{port}" in line for line in process.stdout)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10) as answer:
            assert answer.status == 200
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 3, "webserver, daemon and code server"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        deadline = time.monotonic() + 20
        while (alive := [child for child in family if child.is_running()]) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert alive == []
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
            child.kill()
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]

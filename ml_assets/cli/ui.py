"""`ml-assets ui`: Dagster's webserver and daemon on this machine, until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from ml_assets.alerts.look.collect import SENSOR
from ml_assets.alerts.store.incidents import forget_evaluator
from ml_assets.cli import stopping
from ml_assets.cli.console import ERR, OUT, ConfigOption
from ml_assets.database.connection import connect
from ml_assets.errors import UserError
from ml_assets.settings.read.load import CONFIG_VARIABLE, find_config, load_settings
from ml_assets.settings.shop import Settings

WORKSPACE = """load_from:
  - python_module:
      module_name: ml_assets.definitions
      location_name: ml_assets
"""
SECONDS_TO_START = 120
SECONDS_TO_STOP = 30


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the webserver.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    config: ConfigOption = None,
) -> int:
    """Start Dagster's webserver and daemon; Ctrl-C stops both."""
    settings = load_settings(config)
    _require_free(host, port)
    from ml_assets.dagster.instance import prepare_dagster_home  # noqa: PLC0415 Dagster imports slowly

    home = prepare_dagster_home(settings)
    workspace = Path("workspace.yaml")
    if not workspace.is_file() or config:
        workspace = home / "workspace.yaml"
        workspace.write_text(WORKSPACE, encoding="utf-8")
    # Dagster warns on every start that `dg dev` follows `dagster dev`; nobody at the screen can act on it.
    environment = {"PYTHONWARNINGS": "ignore", **os.environ, "ML_ASSETS_HOME": str(settings.home)}
    if found := find_config(config):
        environment[CONFIG_VARIABLE] = str(found)
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "-h", host, "-p", str(port)]
    # Shells start background jobs with Ctrl-C ignored, which children inherit; both must hear it.
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)
    # A session of its own: Ctrl-C reaches this process only, which then stops the children in order.
    process = subprocess.Popen(
        [*command, "--log-level", "warning"], env=environment, start_new_session=True, stdin=subprocess.DEVNULL
    )
    stopped_on_purpose = False
    with stopping.taking_time():
        try:
            _wait_until_ready(process, host, port)
            OUT.print(f"Dagster is at [cyan]http://{host}:{port}[/cyan]; schedules run while it does. Ctrl-C stops it.")
            return 1 if process.wait() else 0
        except KeyboardInterrupt:
            ERR.print("Stopping Dagster ...")
            stopped_on_purpose = True
            return 0
        finally:
            _stop(process)
            if stopped_on_purpose:
                _not_missed(settings)


def _not_missed(settings: Settings) -> None:
    """Whoever stops Dagster knows it; `ml-assets watch` need not tell that it is silent."""
    with suppress(UserError, psycopg.Error), connect(settings) as connection:
        forget_evaluator(connection, SENSOR)


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"Port {port} on {host} cannot be used: {error.strerror}.",
                f"Stop what listens there, or choose another: ml-assets ui --port {port + 1}.",
            ) from None


def _wait_until_ready(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    with ERR.status("starting Dagster"):
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise UserError("Dagster stopped while starting; its messages are above.", "Mend what they name.")
            try:
                with urllib.request.urlopen(f"http://{host}:{port}/server_info", timeout=2):
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.3)
    raise UserError(f"Dagster did not answer within {SECONDS_TO_START} seconds.", "Try again, or run `dagster dev`.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Interrupt, as a person would; then insist. A second Ctrl-C does not cut this short."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for sign, seconds in ((signal.SIGINT, SECONDS_TO_STOP), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        if process.poll() is not None:
            break
        process.send_signal(sign) if sign == signal.SIGINT else os.killpg(process.pid, sign)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    # Code servers whose parent is gone.
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return

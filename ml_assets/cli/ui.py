"""`ml-assets ui`: Dagster's webserver and daemon on this machine, until Ctrl-C."""

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
from rich.markup import escape

from ml_assets.alerts.look.collect import SENSOR
from ml_assets.alerts.store.incidents import forget_evaluator
from ml_assets.cli import stopping
from ml_assets.cli.console import ERR, OUT
from ml_assets.cli.dagster_process import only_one, running, stop
from ml_assets.cli.progress import Progress
from ml_assets.cli.workspace import Workspace
from ml_assets.database.connection import connect
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.sources.reading import mixed_reading

# On a busy machine Dagster's processes take minutes to start; as long as they live, waiting may end well.
SECONDS_TO_START = 900


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the webserver.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the names browsers know it by go into the variable UI_HOSTS.")
    ] = "127.0.0.1",
    configs: Annotated[
        list[Path] | None,
        typer.Option("--config", help="Settings file (default: ./ml_assets.yaml); once more for every further shop."),
    ] = None,
) -> int:
    """Start Dagster's webserver and daemon; Ctrl-C stops both."""
    shops = Workspace.of(configs or [])
    settings = shops.shops[0]
    url = f"http://{host}:{port}"
    owner = running(settings.home)
    if owner and owner.is_alive:
        raise owner.refuse()
    if owner is None:
        _require_free(host, port)
    from ml_assets.dagster.instance import prepare_dagster_home  # noqa: PLC0415 Dagster imports slowly

    home = prepare_dagster_home(settings)
    for mixed in filter(None, map(mixed_reading, shops.shops)):
        ERR.print(f"{escape(mixed)}: `ml-assets run` loads all again; Dagster does not.", soft_wrap=True)
    workspace = shops.write(home)
    # Dagster warns on every start that `dg dev` follows `dagster dev`; nobody at the screen can act on it.
    environment = {"PYTHONWARNINGS": "ignore", **shops.environment()}
    environment["UI_HOSTS"] = ",".join(filter(None, [environment.get("UI_HOSTS"), host]))
    command = [sys.executable, "-m", "ml_assets.dagster.web.dev", "-w", str(workspace), "-h", host, "-p", str(port)]
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)
    with stopping.taking_time(), only_one(settings.home, url, ERR.print) as place:
        _require_free(host, port)
        process = place.start([*command, "--log-level", "warning"], environment)
        try:
            _wait_until_ready(process, url)
            OUT.print(f"Dagster is at [cyan]{url}[/cyan]; schedules run while this does. Ctrl-C stops it.")
            process.wait()
        except KeyboardInterrupt:
            ERR.print("Stopping Dagster ...")
        else:
            raise UserError("Dagster ended by itself; its messages are above.", "Run `ml-assets ui` again.")
        finally:
            stop(process)
        for shop in shops.shops:
            _not_missed(shop)
    return 0


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


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    with Progress().shown() as report:
        report("starting Dagster")
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise UserError("Dagster stopped while starting; its messages are above.", "Mend what they name.")
            try:
                with urllib.request.urlopen(f"{url}/server_info", timeout=2):  # noqa: S310 our own server
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.3)
    raise UserError(
        f"Dagster's processes live, but did not answer within {SECONDS_TO_START // 60} minutes.",
        "Look at what else keeps this machine busy, and run `ml-assets ui` again.",
    )

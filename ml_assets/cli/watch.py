"""`ml-assets watch`: the dead man's switch, a small process or cron job beside Dagster and without it.

What a round does is in `ml_assets.alerts.watch`.
"""

import signal
import threading
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ml_assets.alerts.watch.metrics import Metrics
from ml_assets.alerts.watch.watch import Round, watch_round
from ml_assets.cli import stopping
from ml_assets.cli.console import ERR, OUT, ConfigOption, next_commands, print_error
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings


def watch(
    once: Annotated[
        bool, typer.Option("--once", help="One round, for cron; exit code 2 when something is open.")
    ] = False,
    every: Annotated[int, typer.Option("--every", min=5, max=3600, help="Seconds between rounds.")] = 60,
    textfile: Annotated[
        Path | None, typer.Option("--textfile", help="Write Prometheus' text format here after every round.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Serve Prometheus' text format on this port.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address for --port.")] = "127.0.0.1",
    config: ConfigOption = None,
) -> int:
    """Judge freshness from the database and send alerts, also when Dagster is dead.

    The same incidents as Dagster's sensor: whoever is first tells, the other finds nothing new.
    """
    settings = load_settings(config)
    metrics = Metrics(settings.name)
    if textfile is not None and not textfile.absolute().parent.is_dir():
        raise UserError(f"The folder of --textfile {textfile} does not exist.", "Create it, or name another file.")
    if port is not None and not once:
        _serve(metrics, host, port)
    stopped = threading.Event()
    for sign in () if once else (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stopped.set())
    if not settings.alerts.channels:
        ERR.print("[yellow]No channel is configured (alerts.channels): incidents are kept, nobody is told.[/yellow]")
    with stopping.taking_time() if not once else nullcontext():
        while True:
            started = time.monotonic()
            done = watch_round(settings, metrics)
            if textfile is not None:
                metrics.write(textfile)
            _show(done)
            if once:
                break
            if stopped.wait(max(0.0, every - (time.monotonic() - started))):
                return 0
    if done.problem is not None:
        print_error(done.problem.problem, done.problem.next_step)
        return 1
    next_commands(
        config,
        ("ml-assets alerts list", "what is open"),
        ("ml-assets status", "how fresh everything is"),
    )
    return 2 if done.open or done.failures else 0


def _show(done: Round) -> None:
    clock = f"[dim]{datetime.now(UTC):%H:%M:%S}[/dim]"
    for event, incident in done.events:
        OUT.print(f"{clock}  {event}: {incident.subject} {incident.cause}", soft_wrap=True)
    for failure in done.failures:
        ERR.print(f"{clock}  [red]{failure}[/red]", soft_wrap=True)
    if done.problem is not None:
        OUT.print(f"{clock}  {escape(done.problem.problem)} {done.sent} messages sent", soft_wrap=True)
    else:
        OUT.print(f"{clock}  {len(done.open)} open, {done.sent} messages sent", soft_wrap=True)


def _serve(metrics: Metrics, host: str, port: int) -> None:
    from prometheus_client import start_http_server  # noqa: PLC0415 only --port needs a server

    try:
        start_http_server(port, addr=host, registry=metrics.registry)
    except OSError as error:
        raise UserError(
            f"Port {port} on {host} cannot be used: {error.strerror}.",
            f"Stop what listens there, or choose another: ml-assets watch --port {port + 1}.",
        ) from None
    OUT.print(f"Metrics are at [cyan]http://{host}:{port}/metrics[/cyan].")

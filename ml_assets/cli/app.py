"""The command `ml-assets`: commands, exit codes and the one way errors are printed.

Exit codes: 0 done; 1 error, one message on standard error, with --json also on standard output; 2 done, but a check
failed or something is stale; 130, 143: stopped by Ctrl-C, by SIGTERM. What a command does is in the module of its
group.
"""

import logging
import signal
import sys

import typer

from ml_assets.cli import (
    add_reader,
    alerts,
    backtest,
    database,
    erase,
    evaluate,
    experiment_estimate,
    explain,
    exports,
    features,
    imports,
    init,
    models,
    prune,
    quarantine,
    releases,
    report,
    rules,
    run,
    segments,
    status,
    stopping,
    train,
    ui,
    watch,
)
from ml_assets.cli.console import ScreenHandler, emit, print_error
from ml_assets.cli.demo import commands as demo
from ml_assets.cli.doctor.command import doctor
from ml_assets.cli.unforeseen import explained
from ml_assets.database.connection import call_program
from ml_assets.errors import UserError

app = typer.Typer(
    help="Recommendations and customer segments, computed every day and served from PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(demo.app, name="demo")
app.command("init")(init.init)
app.command("doctor")(doctor)
app.command("run")(run.run)
app.command("evaluate")(evaluate.evaluate)
app.command("backtest")(backtest.backtest)
app.command("models")(models.models)
app.command("promote")(models.promote)
app.command("train")(train.train)
app.command("explain")(explain.explain)
app.command("features")(features.features)
app.command("status")(status.status)
app.command("report")(report.report)
app.command("releases")(releases.releases)
app.command("rollback")(releases.rollback)
app.command("unpin")(releases.unpin)
app.command("accept")(releases.accept)
app.command("diff")(releases.diff)
app.command("prune")(prune.prune)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(rules.app, name="rules")
app.command("erase")(erase.erase)
app.add_typer(exports.app, name="export")
app.add_typer(imports.app, name="import")
app.add_typer(segments.app, name="segments")
app.add_typer(experiment_estimate.app, name="experiment")
app.add_typer(alerts.app, name="alerts")
app.command("watch")(watch.watch)
app.command("add-reader")(add_reader.add_reader_command)
app.command("psql", context_settings={"ignore_unknown_options": False})(database.psql)
app.command("ui")(ui.ui)
app.command("stop")(database.stop)
COMMANDS = {*(one.name for one in app.registered_commands), *(one.name for one in app.registered_groups)}


def command_line() -> int:
    """Run the command that this process is, and return its exit code."""
    show_waits()
    call_program(" ".join(["ml-assets", *(word for word in sys.argv[1:2] if word in COMMANDS)]))
    return exit_code()


def exit_code() -> int:
    """Run the arguments of this process as a command and return its exit code, errors printed."""
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        return _refused(error)
    except typer.TyperException as error:
        help_ = "`ml-assets --help` and `ml-assets COMMAND --help` list what is allowed."
        return _refused(UserError(_words(error), help_, code="usage.wrong"))
    except (typer.Abort, KeyboardInterrupt):
        return stopping.exit_code() or 128 + signal.SIGINT
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 libraries of native code panic with one of their own
        return _refused(explained(error))
    return code if isinstance(code, int) else 0


def show_waits() -> None:
    """Print what libraries of ours log for the one at the screen; what others log is for developers."""
    ours = logging.getLogger("ml_assets")
    ours.setLevel(logging.INFO)
    ours.addHandler(ScreenHandler())
    ours.propagate = False
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)


def _refused(error: UserError) -> int:
    if (stopped := stopping.exit_code()) is not None:
        return stopped
    print_error(error.problem, error.next_step)
    facts = {"code": error.code, "problem": error.problem, "next_step": error.next_step}
    emit({"error": facts}, "--json" in sys.argv[1:])
    return 1


def _words(error: typer.TyperException) -> str:
    """The complaint about an argument, naming it."""
    say = getattr(error, "format_message", None)
    return (say() if say else str(error)).replace("Value error, ", "")

"""The command: all checks in order, and how they are shown."""

from collections import Counter
from datetime import datetime

from rich.markup import escape

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.doctor.compute import look_at_compute
from ml_assets.cli.doctor.data import look_at_data
from ml_assets.cli.doctor.finding import Finding, Level
from ml_assets.cli.doctor.places import look_at_places
from ml_assets.settings.read.load import load_settings

SIGNS: dict[Level, str] = {
    "good": "[green]ok[/green]     ",
    "warning": "[yellow]warning[/yellow]",
    "error": "[red]error[/red]  ",
}


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Check settings, data, database, lake and channels in one go, each finding with its fix. Changes nothing.

    Exit code 0 when all is well, 2 when there are warnings or errors.
    """
    settings = load_settings(config)
    found: list[Finding] = []
    today = datetime.now(settings.tz).date()
    for checks in (look_at_data(settings, today), look_at_places(settings), look_at_compute(settings.compute)):
        for finding in checks:
            found.append(finding)
            if not as_json:
                _show(finding)
    levels = Counter(finding.level for finding in found)
    if not emit(found, as_json):
        counts = (f"{levels[one]} {one}{'' if levels[one] == 1 else 's'}" for one in ("error", "warning"))
        OUT.print(f"\n{', '.join(counts)}.")
        if not levels["error"]:
            next_commands(config, ("ml-assets run", "load, train, score and publish"))
    return 2 if levels["error"] or levels["warning"] else 0


def _show(finding: Finding) -> None:
    OUT.print(f"{SIGNS[finding.level]}  [bold]{escape(finding.about)}[/bold]  {escape(finding.words)}", soft_wrap=True)
    if finding.fix:
        OUT.print(f"         [yellow]fix[/yellow]  {escape(finding.fix)}", soft_wrap=True)

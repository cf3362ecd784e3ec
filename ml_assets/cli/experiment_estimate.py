"""`ml-assets experiment estimate`: what a list would have brought that nobody was shown, from lists that explored.

Estimating is in `live/off_policy_report.py`.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ml_assets.cli import experiment_uplift
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.inputs.made import require_made
from ml_assets.cli.progress import Progress
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.settings.experiments import MADE_LIST, unknown_method
from ml_assets.settings.read.load import load_settings

if TYPE_CHECKING:
    from ml_assets.live.off_policy_report import OffPolicyReport

LISTS = "live (without exploring), method:NAME, model:VERSION or challenger:METHOD"
METHODS = {"ips": "inverse propensity", "self_normalised": "self-normalised", "doubly_robust": "doubly robust"}

# Its module registers the commands that stand beside.
app = experiment_uplift.app


@app.command("estimate")
def estimate_list(
    shown: Annotated[str, typer.Option("--list", metavar="LIST", help=f"The list to estimate: {LISTS}.")] = "live",
    placement: Annotated[
        Literal["for_you", "discover", "buy_again"], typer.Option("--placement", help="Which list.")
    ] = "for_you",
    days: Annotated[int, typer.Option("--days", min=1, max=60, help="The newest so many days that are known.")] = 14,
    within: Annotated[
        int, typer.Option("--within", min=1, max=60, help="Days in which what is bought of a list counts.")
    ] = 7,
    lower_half: Annotated[
        bool,
        typer.Option("--lower-half", help="Let it fill the lower half of the lists alone, which every list can say."),
    ] = False,
    exposed: Annotated[
        bool, typer.Option("--exposed", help="Only lists of which an application told that they were shown.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """What a list would have brought that nobody was shown, from lists that explored (experiments.exploration)."""
    settings = load_settings(config)
    require_made(settings, "recommendations")
    _require_list(shown)
    with Progress().shown() as report, shop_database(settings) as connection:
        report("reading the lists that explored")
        from ml_assets.live.logged import Asked  # noqa: PLC0415 numba imports slowly
        from ml_assets.live.off_policy_report import off_policy_report  # noqa: PLC0415

        asked = Asked(shown, placement, days, within, lower_half, exposed)
        found = off_policy_report(connection, Lake.of(settings), settings, asked, report)
    if not emit(found, as_json):
        _show(found)
        start = f"ml-assets experiment start NAME --placement {placement} --arm lists=0.5 --arm other=0.5:{shown}"
        next_commands(
            config,
            ("ml-assets experiment estimate --list method:NAME", "what another list would have brought")
            if shown == "live"
            else (start, "show it to some and see"),
        )
    return 0


def _require_list(shown: str) -> None:
    made = MADE_LIST.fullmatch(shown)
    if made and (unknown := unknown_method(made)):
        raise UserError(f"{unknown[:1].upper()}{unknown[1:]}.", "Name one of these.", code="usage.wrong")
    if shown != "live" and not made:
        raise UserError(f"--list {shown} is none that can be estimated.", f"It may be {LISTS}.", code="usage.wrong")


def _show(found: "OffPolicyReport") -> None:
    OUT.print(f"[bold]{found.verdict}[/bold]", soft_wrap=True)
    OUT.print()
    estimates = found.estimates
    shown = estimates.shown
    rows = [["what was shown", f"{shown.estimate:,.3f}", f"{shown.low:,.3f} to {shown.high:,.3f}", "", ""]]
    for name, one in estimates.by_method.items():
        worth, less = one.worth, one.difference
        rows.append(
            [
                METHODS[name],
                f"{worth.estimate:,.3f}",
                f"{worth.low:,.3f} to {worth.high:,.3f}",
                f"{less.estimate:+,.3f}",
                f"{less.low:+,.3f} to {less.high:+,.3f}",
            ]
        )
    columns = ["estimate", "items bought", "95 %", "difference", "95 % of it"]
    table(f"{found.list} as {found.placement}, items bought of a list", columns, rows, right=columns[1:])
    OUT.print(
        f"{found.supported:,} of {found.lists:,} lists from {found.first} to {found.last} could have shown it, of "
        f"{estimates.customers:,} customers; the others say nothing. Of its {estimates.items:,} items there, what was "
        f"shown tells as much as {estimates.effective_items:,.0f} would.",
        soft_wrap=True,
    )
    if found.not_kept:
        OUT.print(
            f"The lists of {found.not_kept} more days are not kept any more; serving.keep_releases keeps them longer.",
            soft_wrap=True,
        )
    if found.never_live:
        OUT.print(
            f"The lists of {found.never_live} days were made when nobody could see them any more, so they changed "
            "nothing: what is counted would have been bought anyway.",
            soft_wrap=True,
        )

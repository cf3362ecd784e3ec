"""`ml-assets experiment uplift`: whom an arm makes buy more, for campaigns that are not sent to everybody.

Learning is in `experiments/uplift.py`, reading and wording in `experiments/uplift_report.py`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.cli import experiment_reports
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.experiments import NameArgument
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.database.ask import one
from ml_assets.errors import UserError
from ml_assets.experiments.register import experiment
from ml_assets.lake import Lake
from ml_assets.releases.catalog import live_release
from ml_assets.settings.made import WITHOUT_AMOUNTS, has_amounts
from ml_assets.settings.read.load import load_settings

if TYPE_CHECKING:
    import polars as pl

    from ml_assets.database.connection import ServingConnection
    from ml_assets.experiments.design import Arm, Experiment
    from ml_assets.experiments.statistics import Interval
    from ml_assets.experiments.uplift_report import Customers, UpliftReport
    from ml_assets.settings.shop import Settings

UpliftArmOption = Annotated[
    str | None,
    typer.Option("--arm", metavar="ARM", help="The arm. Needed where there is more than one beside the control."),
]

# Its module registers the commands that stand beside.
app = experiment_reports.app


@dataclass(frozen=True)
class Found:
    """What was learnt, and from whom."""

    arm: "Arm"
    customers: "Customers"
    report: "UpliftReport"


@app.command("uplift")
def show_uplift(
    name: NameArgument,
    arm: UpliftArmOption = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write the Qini curve to this .png file.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Whom an arm makes buy more: a sentence, by fifths and by segments. 2: nobody is shown to differ."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        report = learn_uplift(connection, settings, name, arm).report
    if plot:
        _draw(report, plot, "revenue" if has_amounts(settings) else "pieces")
    if not emit(report, as_json):
        _show(report)
        if not has_amounts(settings):
            OUT.print(f"{WITHOUT_AMOUNTS} Effects are in pieces.", soft_wrap=True)
        if plot:
            OUT.print(f"Wrote the Qini curve to {plot}.", soft_wrap=True)
        shown = f"ml-assets export segments --by uplift --experiment {name}"
        next_commands(
            config,
            (shown, "the customers, those who gain most first")
            if report.is_shown
            else (
                f"ml-assets experiment report {name}",
                "the mean effect, with intervals that may be looked at every day",
            ),
        )
    return 0 if report.is_shown else 2


def learn_uplift(connection: "ServingConnection", settings: "Settings", name: str, arm: str | None) -> Found:
    """What an experiment says of whom an arm makes buy more; raises `UserError` where nothing can be learnt."""
    from ml_assets.experiments.uplift_report import customers_of, uplift_report  # noqa: PLC0415 scikit-learn imports slowly

    found = experiment(connection, name)
    chosen = _arm(found, arm)
    customers = customers_of(connection, Lake.of(settings), settings, found, chosen)
    is_running = found.state(one(connection, "SELECT now()")) == "running"
    seed = settings.recommender.seed
    return Found(chosen, customers, uplift_report(customers, found, chosen, running=is_running, seed=seed))


def uplift_now(connection: "ServingConnection", settings: "Settings", name: str, arm: str | None) -> "pl.DataFrame":
    """customer_id and uplift of everybody, by what is known of them now.

    Raises `UserError` where nobody is shown to differ: an order by it would be one by chance.
    """
    from ml_assets.experiments.uplift_report import predict_uplift  # noqa: PLC0415 as below
    from ml_assets.features.load import load_customer_features  # noqa: PLC0415

    found = learn_uplift(connection, settings, name, arm)
    if not found.report.is_shown:
        raise UserError(
            f"Nobody is shown to gain more than others by {found.arm.name} of {name}, so the order would be one by "
            f"chance. {found.report.verdict}",
            f"`ml-assets experiment uplift {name}` shows what is known; choose by segment meanwhile: --segment KEY.",
            code="experiment.refused",
        )
    live = live_release(connection, "segment_assignments")
    if live is None:
        raise UserError("No segments are live.", "`ml-assets run` makes them.", code="release.refused")
    features = load_customer_features(Lake.of(settings), as_of=live.day, settings=settings)
    learner, seed = found.report.learner, settings.recommender.seed
    return predict_uplift(found.customers, found.arm, learner, features, seed)


def _arm(experiment: "Experiment", name: str | None) -> "Arm":
    others = {arm.name: arm for arm in experiment.arms if arm is not experiment.control}
    if name is None and len(others) == 1:
        return next(iter(others.values()))
    if name in others:
        return others[name]
    told = "" if name is None else f", and not {name}"
    raise UserError(
        f"{experiment.name} compares {', '.join(others)} with {experiment.control.name}{told}.",
        f"Name one of {', '.join(others)} with --arm.",
        code="experiment.unknown",
    )


def _show(report: "UpliftReport") -> None:
    OUT.print(f"[bold]{report.verdict}[/bold]", soft_wrap=True)
    OUT.print()
    for title, groups in (
        ("By what is predicted", report.fifths),
        ("By segment, before they entered", report.segments),
    ):
        if groups:
            rows = [
                [
                    each.name,
                    f"{each.customers:,}",
                    f"{each.effect.estimate:+,.2f}",
                    _bounds(each.effect),
                    f"{each.corrected_p:.3f}",
                ]
                for each in groups
            ]
            columns = ["customers who", "judged", "effect each", "95 %", "p, Holm"]
            table(title, columns, rows, right=columns[1:])
    rows = [
        [f"{share:.0%}", f"{gain.estimate:+,.2f}", _bounds(gain), f"{share * report.average.estimate:+,.2f}"]
        for share, gain in report.curve
    ]
    columns = ["chosen", "brings", "95 %", "by chance"]
    table("Qini curve: what choosing so many brings, per customer of all", columns, rows, right=columns)
    OUT.print(
        f"{report.customers:,} customers ({report.left_out:,} left out, of whom nothing is known from before); "
        f"{report.learner.capitalize().replace('_', '-')}; choosing brings "
        f"{report.qini.estimate:+,.3f} more than chance, from {_bounds(report.qini, 3)}.",
        soft_wrap=True,
    )


def _bounds(interval: "Interval", decimals: int = 2) -> str:
    return f"{interval.low:+,.{decimals}f} to {interval.high:+,.{decimals}f}"


def _draw(report: "UpliftReport", path: Path, worth: str) -> None:
    from ml_assets.plots.uplift import qini_png  # noqa: PLC0415 Matplotlib imports slowly
    from ml_assets.whole_files import replacing  # noqa: PLC0415

    if path.suffix != ".png":
        raise UserError(f"{path} does not end with .png.", "The curve is written as PNG: --plot curve.png.")
    picture = qini_png(report.arm, report.control, report.curve, report.average, worth)
    with replacing(path, "Choose another place with --plot.", keep_mode=True) as file:
        file.write(picture)

"""`ml-assets experiment report`, `plan` and `aa`: what came of it, what it would take, and whether the method is sound.

Judging is in `experiments/report.py`, planning in `experiments/planning.py`.
"""

from datetime import timedelta
from typing import Annotated

import typer

from ml_assets.cli import experiments
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.experiments import NameArgument
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.errors import UserError
from ml_assets.experiments.outcomes import outcomes_of
from ml_assets.experiments.planning import POWER, Past, against_itself, plan
from ml_assets.experiments.register import experiment
from ml_assets.experiments.report import Report, report
from ml_assets.experiments.splits import By, ListedPart, SegmentPart, by_listing, by_segment
from ml_assets.experiments.statistics import SRM_ALPHA
from ml_assets.features.load import load_customer_features
from ml_assets.lake import Lake
from ml_assets.releases.catalog import live_release
from ml_assets.settings.made import WITHOUT_AMOUNTS, has_amounts
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

DAYS = 28
app = experiments.app


@app.command("report")
def report_experiment(
    name: NameArgument,
    by: Annotated[
        By | None,
        typer.Option("--by", help="Also of each segment, or of the list, place or reason of what was bought."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """What came of an experiment: a verdict in a sentence, and each metric with its intervals. 2: no verdict."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        asked = experiment(connection, name)
        found = report(connection, asked, amounts=has_amounts(settings))
        segments = by_segment(connection, asked) if by == "segment" else []
        listed = by_listing(connection, asked, by, found.customers) if by and by != "segment" else []
    if not emit({**vars(found), "by": segments or listed} if by else found, as_json):
        _show(found)
        seen = ", ".join(f"{arm.name} sees {arm.words}" for arm in asked.arms)
        OUT.print(f"{seen}.", soft_wrap=True)
        if segments:
            _show_segments(segments)
        if by and listed:
            _show_listed(by, listed)
        if not has_amounts(settings):
            OUT.print(f"{WITHOUT_AMOUNTS} The metrics revenue and returned are such.", soft_wrap=True)
        next_commands(config, (f"ml-assets experiment stop {name} --reason '...'", "end it"))
    return 0 if found.is_trusted else 2


@app.command("plan")
def plan_experiment(
    effect: Annotated[float, typer.Option("--effect", min=0.01, max=1000, help="Effect to be found, in per cent.")],
    share: Annotated[
        float, typer.Option("--share", min=0.01, max=0.99, help="Share of the customers in the second arm.")
    ] = 0.5,
    traffic: Annotated[float, typer.Option("--traffic", min=0.01, max=1, help="Share of the customers in it.")] = 1.0,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """How many customers and days an effect on revenue takes, from what the shop's own customers bought lately."""
    settings = load_settings(config)
    plans = plan(_past(settings), effect / 100, ((1 - share) * traffic, share * traffic))
    if emit(plans, as_json):
        return 0
    rows = []
    for one in plans:
        counts = [f"{count:,}" for count in (one.needed, one.needed_peeking, one.available)]
        rows.append([one.days, f"{one.mean:,.2f}", f"{one.variance_reduction:.0%}", *counts, f"{one.smallest:.1%}"])
    worth = "revenue" if has_amounts(settings) else "pieces"
    columns = ["days", f"{worth} each", "explained", "needed", "needed, peeking", "there are", "smallest effect"]
    table(f"Customers to find {effect:g} % with a power of {POWER:.0%} at the 5 % level", columns, rows, right=columns)
    OUT.print(
        "needed: looked at once, at the end; peeking: by the interval that is valid at any time. Smallest effect: what "
        "the customers there are show at the end. Explained: share of the variance, by the 90 days before.",
        soft_wrap=True,
    )
    next_commands(config, ("ml-assets experiment start NAME", "start one of experiments.planned"))
    return 0


@app.command("aa")
def draw_against_itself(
    runs: Annotated[int, typer.Option("--runs", min=10, max=100_000, help="Experiments to draw.")] = 1000,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Draw experiments without any difference on the shop's own past; how often one is found. 2: too often."""
    settings = load_settings(config)
    found = against_itself(_past(settings), runs, settings.recommender.seed)
    # Three standard deviations above what is promised.
    most = 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
    if not emit(found, as_json):
        rows = [
            ["once, at the end", "fixed", f"{found.once:.1%}", "5 %"],
            [f"on each of {DAYS} days", "fixed", f"{found.peeked:.1%}", "nothing"],
            [f"on each of {DAYS} days", "always valid", f"{found.always:.1%}", "5 % at most"],
        ]
        table(f"Of {runs:,} experiments without a difference", ["looked", "interval", "found one", "promised"], rows)
        OUT.print(f"The time before explains {found.variance_reduction:.0%} of the variance.")
        next_commands(config, ("ml-assets experiment plan --effect 3", "what an effect of 3 % takes"))
    return 2 if max(found.once, found.always) > most else 0


def _show(found: Report) -> None:
    OUT.print(f"[bold]{found.verdict}[/bold]", soft_wrap=True)
    OUT.print()
    rows = []
    for row in found.rows:
        one = row.found
        means = [f"{one.control_mean:,.3f}", f"{one.arm_mean:,.3f}", f"{one.difference.estimate:+,.3f}"]
        bounds = [f"{each.low:+,.3f} to {each.high:+,.3f}" for each in (one.difference, one.always)]
        rows.append([row.metric, row.arm, *means, *bounds, f"{row.corrected_p:.3f}", f"{one.variance_reduction:.0%}"])
    if rows:
        columns = [
            "metric",
            "arm",
            "control",
            "arm's",
            "difference",
            "at the end",
            "at any time",
            "p, Holm",
            "explained",
        ]
        table(f"{found.experiment}, per customer", columns, rows, right=columns[2:])
    split = ", ".join(f"{name} {count:,}" for name, count in found.customers.items())
    sound = "as drawn" if found.mismatch >= SRM_ALPHA else "not as drawn"
    OUT.print(f"{found.days} days; customers: {split}; the split is {sound} (p {found.mismatch:.3g}).")
    for metric, why in found.left_out.items():
        OUT.print(f"Without {metric}: {why}", soft_wrap=True)


def _show_segments(parts: list[SegmentPart]) -> None:
    rows = []
    for part in parts:
        one = part.found
        bounds = f"{one.always.low:+,.3f} to {one.always.high:+,.3f}" if one else ""
        figures = [f"{one.difference.estimate:+,.3f}" if one else "", bounds]
        sizes = [f"{part.control_customers:,}", f"{part.arm_customers:,}"]
        p = "too few" if part.corrected_p is None else f"{part.corrected_p:.3f}"
        rows.append([part.segment, part.arm, part.metric, *sizes, *figures, p])
    columns = ["segment", "arm", "metric", "control's customers", "arm's", "difference", "at any time", "p, Holm"]
    table("By segment, as of the day before customers entered", columns, rows, right=columns[3:])


def _show_listed(by: str, parts: list[ListedPart]) -> None:
    arms = list(parts[0].items)
    rows = [[part.which, *(f"{part.per_100[arm]:,.1f}" for arm in arms)] for part in parts]
    table(f"Listed items bought by every 100 customers, by {by}", [by, *arms], rows, right=arms)


def _past(settings: Settings) -> Past:
    """The last 28 days of the customers who were known before them."""
    lake = Lake.of(settings)
    with shop_database(settings) as connection:
        live = live_release(connection, "recommendations")
    if live is None:
        raise UserError("No list is live.", "Run a day first (`ml-assets run`).", code="experiment.refused")
    days = [live.day - timedelta(days=back) for back in reversed(range(DAYS))]
    absent = [day for day in days if not lake.exists("transactions", day)]
    if len(absent) > DAYS // 2:
        raise UserError(
            f"The lake has only {DAYS - len(absent)} of the {DAYS} days up to {live.day}.",
            "Load more of the past (`ml-assets run`).",
            code="experiment.refused",
        )
    before = load_customer_features(lake, as_of=days[0] - timedelta(days=1), settings=settings)
    weights = settings.events.weights
    bought = [
        outcomes_of(lake.scan("transactions", [day.isoformat()]), day, weights).customers
        for day in days
        if day not in absent
    ]
    return Past.of(before.select("customer_id", "spend_90d"), bought)

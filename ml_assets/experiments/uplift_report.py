"""What an experiment says of whom an arm makes buy more: read from the database and the lake, and put into words.

The arithmetic is in `uplift.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml_assets.database.ask import id_types
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.experiments.design import Arm, Experiment
from ml_assets.experiments.statistics import SRM_ALPHA, Floats, Interval, ratio_mismatch
from ml_assets.experiments.uplift import LEAST_IN_AN_ARM, Effect, Learnt, Trial, effects_of, learn, predictor
from ml_assets.features.load import load_customer_features
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings

MOST_UNKNOWN = 0.2
"""Share of the customers of whom nothing is known from before; with more the rest may be others."""
SMALLEST_SEGMENT = 100


@dataclass(frozen=True)
class Customers:
    """The customers of two arms, and what is known of each."""

    frame: pl.DataFrame
    """customer_id, arm, entered_on, revenue, segment (null where unknown), and the measures as of the day before."""
    measures: tuple[str, ...]
    unknown: int
    """Customers left out, because nothing is known of them from before."""
    share: float
    """Of the customers of both arms who were drawn into the second."""

    def trial(self, arm: Arm) -> Trial:
        """Those of the arm as the treated."""
        treated = np.asarray(self.frame["arm"] == arm.name, np.bool_)
        revenue = np.asarray(self.frame["revenue"].to_numpy(), np.float64)
        return Trial(matrix_of(self.frame, self.measures), treated, revenue, self.share)


@dataclass(frozen=True)
class UpliftReport:
    """Whom an arm makes buy more, as far as it is shown."""

    experiment: str
    arm: str
    control: str
    customers: int
    left_out: int
    """Of whom nothing is known from before."""
    learner: str
    average: Interval
    qini: Interval
    curve: list[tuple[float, Interval]]
    """Share of the customers that is chosen, best first; what that brings, per customer of all."""
    fifths: list[Effect]
    segments: list[Effect]
    """By the segment before the customer entered; small ones are left out."""
    is_shown: bool
    """Whether customers differ for sure, in the order of the prediction."""
    verdict: str


def uplift_report(customers: Customers, experiment: Experiment, arm: Arm, *, running: bool, seed: int) -> UpliftReport:
    """Learn from an experiment whom an arm makes buy more; raises `UserError` where nothing can be learnt."""
    learnt = learn(customers.trial(arm), seed)
    names = customers.frame["segment"].drop_nulls().unique().sort().to_list()
    judged = np.isfinite(learnt.scores)
    here = [(name, judged & (customers.frame["segment"] == name).fill_null(False).to_numpy()) for name in names]
    large = [(name, inside) for name, inside in here if inside.sum() >= SMALLEST_SEGMENT]
    control = experiment.control.name
    return UpliftReport(
        experiment.name,
        arm.name,
        control,
        customers.frame.height,
        customers.unknown,
        learnt.learner,
        learnt.average,
        learnt.qini,
        learnt.curve,
        learnt.fifths,
        effects_of(learnt.scores, large),
        learnt.is_shown,
        _verdict(learnt, arm.name, control, running=running),
    )


def predict_uplift(customers: Customers, arm: Arm, learner: str, features: pl.DataFrame, seed: int) -> pl.DataFrame:
    """customer_id and the predicted uplift of everybody in `features`, learnt from all customers of an experiment."""
    predict = predictor(customers.trial(arm), learner, seed)
    known = features.sort("customer_id")
    return known.select("customer_id").with_columns(uplift=pl.Series(predict(matrix_of(known, customers.measures))))


def matrix_of(frame: pl.DataFrame, measures: Sequence[str]) -> Floats:
    """Measures as numbers, customers x measures; not a number where there is none."""
    columns = [
        frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if name in frame.columns
        else np.full(frame.height, np.nan)
        for name in measures
    ]
    return np.column_stack(columns).astype(np.float64)


def customers_of(
    connection: ServingConnection, lake: Lake, settings: Settings, experiment: Experiment, arm: Arm
) -> Customers:
    """The customers of an arm and of the control, with what was known of them on the day before each entered.

    Raises `UserError` where the split is not as drawn, nothing was bought yet, an arm is too small, or too little is
    known of the time before.
    """
    control = experiment.control
    query = """
        SELECT o.customer_id, o.arm, o.entered_on, o.revenue, s.segment_key
        FROM {ml}.experiment_outcomes AS o
        LEFT JOIN {ml}.segment_history AS s ON s.customer_id = o.customer_id AND s.valid_from < o.entered_on
            AND (s.valid_to IS NULL OR s.valid_to >= o.entered_on)
        WHERE o.experiment = %s AND o.arm IN (%s, %s)
        ORDER BY 1
    """
    rows = connection.execute(connection.schemas.sql(query), [experiment.name, control.name, arm.name]).fetchall()
    ids = pl.Int64 if id_types(connection).customer == "bigint" else pl.String
    types = {"customer_id": ids, "arm": pl.String, "entered_on": pl.Date, "revenue": pl.Float64, "segment": pl.String}
    frame = pl.DataFrame(rows, schema=types, orient="row")
    counts = [frame.filter(pl.col("arm") == each.name).height for each in (control, arm)]
    share = arm.share / (arm.share + control.share)
    mismatch = ratio_mismatch(counts, [1 - share, share])
    if mismatch < SRM_ALPHA:
        raise UserError(
            f"The split of {experiment.name} is not the one that was drawn ({control.name} {counts[0]:,}, {arm.name} "
            f"{counts[1]:,}), so its customers cannot be compared.",
            "Find out who is left out of an arm: `ml-assets experiment report` says what is known.",
            code="experiment.refused",
        )
    if not (frame["revenue"] != 0).any():
        raise UserError(
            f"Nothing was bought yet by the customers of {experiment.name}.",
            "Run the days since it began (`ml-assets run`); `ml-assets experiment report` says how many there are.",
            code="experiment.refused",
        )
    before, measures = _before(lake, settings, frame)
    known = frame.join(before, on=["customer_id", "entered_on"], how="inner", maintain_order="left")
    unknown = frame.height - known.height
    smallest = min((known.filter(pl.col("arm") == each.name).height for each in (control, arm)), default=0)
    if smallest < LEAST_IN_AN_ARM:
        raise UserError(
            f"The experiment {experiment.name} has {smallest:,} customers in the smaller of {control.name} and "
            f"{arm.name} of whom something is known from before; {LEAST_IN_AN_ARM} are the least to learn from.",
            "Let it run until more have entered, or read the mean effect: `ml-assets experiment report`.",
            code="experiment.refused",
        )
    if unknown > MOST_UNKNOWN * frame.height:
        raise UserError(
            f"Of {unknown:,} of {frame.height:,} customers of {experiment.name} nothing is known from before they "
            "entered: the lake has no customer_features of those days.",
            "Build them: `ml-assets run --from DAY --to DAY` with the days before they entered.",
            code="experiment.refused",
        )
    return Customers(known, measures, unknown, share)


def _before(lake: Lake, settings: Settings, frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """customer_id, entered_on and the measures as of the day before; and the names of the measures.

    The day before most entered is built again where the lake has it not any more; of the others, which are many and
    of few customers each, the lake's are taken.
    """
    counts = frame.group_by("entered_on").len().sort("len", "entered_on", descending=[True, False])
    parts: list[pl.DataFrame] = []
    for entered, _ in counts.iter_rows():
        day: date = entered - timedelta(days=1)
        if parts and not lake.exists("customer_features", day):
            continue
        features = load_customer_features(lake, as_of=day, settings=settings)
        numbers = [name for name, dtype in features.schema.items() if dtype.is_numeric() and name != "customer_id"]
        theirs = features.select(
            pl.col("customer_id").cast(frame.schema["customer_id"]),
            *(pl.col(name).cast(pl.Float64) for name in numbers),
        ).join(frame.filter(pl.col("entered_on") == entered).select("customer_id"), on="customer_id", how="semi")
        parts.append(theirs.with_columns(entered_on=pl.lit(entered)))
    if not parts:
        return frame.select("customer_id", "entered_on").clear(), ()
    before = pl.concat(parts, how="diagonal")
    return before, tuple(name for name in before.columns if name not in ("customer_id", "entered_on"))


def _verdict(learnt: Learnt, arm: str, control: str, *, running: bool) -> str:
    average, best, worst = learnt.average, learnt.fifths[0], learnt.fifths[-1]
    brings = f"{average.estimate:+,.2f} a customer, from {average.low:+,.2f} to {average.high:+,.2f}"
    if learnt.is_shown:
        half = dict(learnt.curve)[0.5].estimate
        words = (
            f"Customers differ in what {arm} does to them: the fifth that is predicted to gain most bought "
            f"{_signed(best)} more than with {control}, the last fifth {_signed(worst)}. All together: {brings}; the "
            f"first half alone {half:+,.2f} a customer of all."
        )
    elif average.low > 0:
        words = (
            f"{arm} works ({brings}), but nobody is shown to gain more by it than others: give it to all, or by chance."
        )
    elif average.high < 0:
        words = f"{arm} does harm ({brings}), and nobody is shown whom it does less harm: give it to nobody."
    else:
        words = f"No effect found: neither on all ({brings}), nor on some more than on others."
    return words + (
        " It still runs: looked at before its end, differences are found by chance more often than stated."
        if running
        else ""
    )


def _signed(one: Effect) -> str:
    return f"{one.effect.estimate:+,.2f} ({one.effect.low:+,.2f} to {one.effect.high:+,.2f})"

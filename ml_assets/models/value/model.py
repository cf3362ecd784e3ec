"""The customer value model: what each customer is expected to do in the next 90 days.

What is needed after training belongs here: the winning methods with their calibration, kept without pickle, the frame
of a day, and whether that frame is plausible. Training is in `train.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.features.customers import in_pieces
from ml_assets.models.artifacts import Arrays, load_artifact, save_artifact
from ml_assets.models.cards import ModelCard
from ml_assets.models.value.calibration import Calibration
from ml_assets.models.value.contest import METHODS, Calibrated
from ml_assets.models.value.window import describe, numbers

NAME = "customer_value"
LEAST_TOTAL, MOST_TOTAL = 1 / 3, 3.0
"""Between these multiples of the last 90 days' spend the expected spend of all customers is plausible."""
# Of probabilities and of money; what lies beyond is noise.
DECIMALS = 4


@dataclass(frozen=True)
class CustomerValueModel:
    """One method for the spend, one for the probability of an order; often the same."""

    card: ModelCard
    spend: Calibrated
    ordered: Calibrated
    cap: float
    """Most that is expected of a single customer, in the shop's currency (or in pieces, as the features)."""

    @property
    def methods(self) -> str:
        """Which methods speak, for people."""
        return f"spend by {self.spend.method.name}, orders by {self.ordered.method.name}"

    def predict(self, features: pl.DataFrame) -> pl.DataFrame:
        """The value of all customers of a day, from their customer features, in the same order.

        customer_id; alive_probability: probability of at least one order in the next 90 days, 0 to 1;
        expected_spend_90d: mean spend to be expected in them, at least 0, in the shop's currency (pieces where the
        shop has no amounts: `as_shown` takes them out). Never null.
        """
        known = describe(features)
        ordered = self.ordered.scores(known, self.cap).ordered
        spend = self.spend.scores(known, self.cap).spend
        return features.select("customer_id").with_columns(
            pl.Series("alive_probability", np.round(ordered, DECIMALS), dtype=pl.Float64),
            pl.Series("expected_spend_90d", np.round(spend, DECIMALS), dtype=pl.Float64),
        )

    def save(self, folder: UPath | Path) -> str:
        """Write the model to a folder and return its checksum."""
        arrays: Arrays = {"cap": np.array([self.cap])}
        for role, one in {"spend": self.spend, "ordered": self.ordered}.items():
            arrays[f"{role}_method"] = np.array([one.method.name])
            arrays |= {f"{role}_of_{name}": array for name, array in one.method.learned().items()}
            for kind, line in {"spend": one.spend, "ordered": one.ordered}.items():
                if line is not None:
                    arrays[f"{role}_{kind}_line"] = np.stack([line.scores, line.outcomes])
        return save_artifact(folder, self.card, arrays)

    @classmethod
    def load(cls, folder: UPath | Path, checksum: str | None = None) -> CustomerValueModel:
        """A saved model; raises `UserError` where it is missing, damaged or of another kind."""
        card, arrays = load_artifact(folder, checksum)
        if card.name != NAME:
            raise UserError(f"The model in {folder} is a {card.name}.", "Name the folder of a customer value model.")
        return cls(card, _restored(arrays, "spend"), _restored(arrays, "ordered"), float(arrays["cap"][0]))


def _restored(arrays: Arrays, role: str) -> Calibrated:
    start = f"{role}_of_"
    learned = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
    method = METHODS[str(arrays[f"{role}_method"][0])]().restored(learned)
    return Calibrated(method, _line(arrays, f"{role}_spend_line"), _line(arrays, f"{role}_ordered_line"))


def _line(arrays: Arrays, name: str) -> Calibration | None:
    return Calibration(arrays[name][0], arrays[name][1]) if name in arrays else None


def as_shown(predicted: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    """What people may read: of a shop without amounts the expected spend is null, for it counts pieces."""
    return predicted.with_columns(expected_spend_90d=pl.lit(None, pl.Float64)) if in_pieces(features) else predicted


@dataclass(frozen=True)
class Plausibility:
    """The expected spend of all customers beside what they spent."""

    expected: float
    last: float
    """Spend of the last 90 days, of each customer at least 0 and at most what the model expects of one."""
    in_pieces: bool = False
    """Whether both count pieces, because the shop has no amounts."""

    @property
    def facts(self) -> dict[str, float]:
        """Both sums by what they are."""
        what = "pieces" if self.in_pieces else "spend"
        return {f"expected_{what}_90d": self.expected, f"{what}_of_the_last_90d": self.last}

    @property
    def is_given(self) -> bool:
        """Whether the sum lies within its bounds; nothing is said where nobody spent anything."""
        return self.last <= 0 or LEAST_TOTAL * self.last <= self.expected <= MOST_TOTAL * self.last

    @property
    def sentence(self) -> str:
        """Both sums, for people."""
        if self.last <= 0:
            did = "bought" if self.in_pieces else "spent"
            return f"Nobody {did} anything in the last 90 days; {self.expected:,.0f} are expected in the next."
        ratio = self.expected / self.last
        what = " pieces" if self.in_pieces else ""
        bounds = f"plausible is {LEAST_TOTAL:.2f} to {MOST_TOTAL:g} times"
        return (
            f"In the next 90 days {self.expected:,.0f}{what} are expected, in the last there were {self.last:,.0f}: "
            f"{ratio:.2f} times as much; {bounds}."
        )


def plausibility(features: pl.DataFrame, predicted: pl.DataFrame, cap: float) -> Plausibility:
    """Whether the expected spend of a day is in proportion to what its customers spent."""
    last = np.clip(numbers(features, "spend_90d"), 0.0, cap)
    return Plausibility(float(predicted["expected_spend_90d"].sum()), float(last.sum()), in_pieces(features))

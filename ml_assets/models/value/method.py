"""What a method must do to compete: score the customers' next 90 days from their features.

The shape and the naive rule belong here, with which every other is compared; the others are in files of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from pydantic import JsonValue

from ml_assets.models.artifacts import Arrays
from ml_assets.models.value.window import Vector, Window, numbers


@dataclass(frozen=True)
class Scores:
    """One number per customer each; greater for more, calibrated or not."""

    spend: Vector
    """Spend of the next 90 days, at least 0."""
    ordered: Vector
    """Probability of at least one order in them, 0 to 1."""


class ValueMethod(ABC):
    """One way to say what customers will do. It keeps numbers and runs nothing when it is read again."""

    name: ClassVar[str]

    @abstractmethod
    def fit(self, window: Window) -> Self:
        """Learn from a window; raises `UserError` where it cannot."""

    @abstractmethod
    def scores(self, known: pl.DataFrame) -> Scores:
        """The scores of customers, in the order of the frame that `describe` returned."""

    def honest_scores(self, window: Window) -> Scores:
        """Scores of the window it was fitted on, as if it had not seen these customers."""
        return self.scores(window.known)

    @property
    def facts(self) -> dict[str, JsonValue]:
        """Learned numbers that people read, for the card."""
        return {}

    @abstractmethod
    def learned(self) -> Arrays:
        """What it learned, as arrays."""

    @abstractmethod
    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""


class Naive(ValueMethod):
    """The next 90 days are as the last 90; orders come by a Poisson process at the rate of these."""

    name = "naive"

    def fit(self, window: Window) -> Self:  # noqa: ARG002 nothing to learn
        """As it is."""
        return self

    def scores(self, known: pl.DataFrame) -> Scores:
        """Spend of the last 90 days, and 1 - exp(-orders of the last 90 days)."""
        return Scores(np.maximum(numbers(known, "spend_90d"), 0.0), 1 - np.exp(-numbers(known, "orders_90d")))

    def learned(self) -> Arrays:
        """Nothing."""
        return {}

    def restored(self, arrays: Arrays) -> Self:  # noqa: ARG002 nothing was learned
        """As it is."""
        return self

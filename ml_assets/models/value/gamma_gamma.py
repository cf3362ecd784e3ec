"""Gamma-Gamma: what an order of a customer is worth, between the customer's own mean and that of all.

Fader and Hardie, The Gamma-Gamma Model of Monetary Value (2013): values of orders are gamma distributed with a scale
that is itself gamma distributed over the customers, so that few orders say little and are drawn to the shop's mean. How
many orders there will be is in `bg_nbd.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_assets.errors import UserError
from ml_assets.models.value.likelihood import greatest_likelihood
from ml_assets.models.value.window import Vector

STARTS = ((6.0, 4.0, 15.0), (1.0, 2.0, 1.0), (2.0, 1.5, 0.5))


@dataclass(frozen=True)
class GammaGamma:
    """Value of an order ~ gamma(p, scale), scale ~ gamma(q, gamma)."""

    p: float
    q: float
    gamma: float
    """In the shop's currency."""

    @classmethod
    def fit(cls, orders: Vector, means: Vector) -> GammaGamma:
        """The parameters of the greatest likelihood; orders at least 1, means above 0.

        Raises `UserError` where there is none to be found.
        """
        if not means.size:
            raise UserError("No order of this shop has an amount.", "Another method is used instead.")
        # In units of the mean, so that starts and bounds fit every currency.
        unit = float(means.mean())

        best = greatest_likelihood(lambda at: cls(*at).log_likelihoods(orders, means / unit), STARTS)
        if best is None:
            raise UserError("The amounts of this shop fit no Gamma-Gamma.", "Another method is used instead.")
        p, q, gamma = best
        return cls(p, q, gamma * unit)

    def log_likelihoods(self, orders: Vector, means: Vector) -> Vector:
        """The logarithm of the likelihood of each customer's mean: equation (1a) of the note."""
        from scipy.special import gammaln  # noqa: PLC0415 slow to import, and not always needed

        px = self.p * orders
        value: Vector = (
            gammaln(px + self.q) - gammaln(px) - gammaln(self.q) + self.q * np.log(self.gamma)
            + (px - 1) * np.log(means) + px * np.log(orders) - (px + self.q) * np.log(self.gamma + orders * means)
        )  # fmt: skip
        return value

    def expected_value(self, orders: Vector, means: Vector) -> Vector:
        """The mean value of a customer's orders to come: equation (5) of the note."""
        value: Vector = self.p * (self.gamma + orders * means) / np.maximum(self.p * orders + self.q - 1, self.p * 1e-3)
        return value

"""The scale on which customers are compared: each input's position among all customers at training, 0 to 1.

Spend is so skewed that a few customers would own every cluster; its quantile is not. Clusters do not belong here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

# Percentiles: fine enough for fewer than a hundred segments, and few enough to be written down in SQL.
KNOTS = 101


@dataclass(frozen=True)
class QuantileScaler:
    """Uniform-quantile scaling by stored knots, the formula of scikit-learn's QuantileTransformer.

    z(x) = (F(x) + G(x)) / 2, where F interpolates the knots from the left and G from the right, so that a value
    held by many customers at once gets the middle of their quantiles; outside the knots 0 and 1.
    """

    knots: Matrix
    """Shape (number of knots, inputs), ascending; row i is the quantile i / (number of knots - 1)."""

    @classmethod
    def fit(cls, values: Matrix) -> QuantileScaler:
        """Learn the knots from values of shape (customers, inputs); at least one customer."""
        count = min(KNOTS, len(values))
        knots = np.percentile(values, np.linspace(0, 1, count) * 100, axis=0)
        # Interpolation between equal values may sink by a rounding error.
        return cls(np.maximum.accumulate(knots, axis=0))

    def transform(self, values: Matrix) -> Matrix:
        """Positions 0 to 1, of the shape of `values`."""
        levels = np.linspace(0, 1, len(self.knots))
        scaled = np.empty(values.shape, dtype=np.float64)
        for column, (knots, raw) in enumerate(zip(self.knots.T, values.T, strict=True)):
            left = np.interp(raw, knots, levels)
            right = -np.interp(-raw, -knots[::-1], -levels[::-1])
            middle = (left + right) / 2
            scaled[:, column] = np.where(raw == knots[-1], 1.0, np.where(raw == knots[0], 0.0, middle))
        return scaled

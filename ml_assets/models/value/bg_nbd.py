"""BG/NBD: how often customers come back, and when they stop without saying so.

Fader, Hardie and Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005): orders come by a Poisson
process whose rate is gamma distributed over the customers; after each, a customer leaves for good with a probability
that is beta distributed. Only the model of orders belongs here; what they are worth is in `gamma_gamma.py`.

No library is used. `lifetimes` has had no release since 2020 and its repository is archived; its successor `btyd` needs
NumPy 1; `pymc-marketing` is maintained, but brings PyMC and PyTensor with a C compiler at run time and takes Numba back
to an older version, for four parameters that maximum likelihood finds in a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_assets.errors import UserError
from ml_assets.models.value.likelihood import greatest_likelihood
from ml_assets.models.value.window import Vector

STARTS = ((1.0, 5.0, 1.0, 2.0), (0.3, 2.0, 0.5, 2.0), (2.0, 10.0, 0.2, 5.0))
"""Where the search begins: r, alpha, a, b."""
# The formulas have a removable pole at a = 1.
NEAR_ONE = 1e-5


@dataclass(frozen=True)
class Histories:
    """When customers came, in weeks or any other unit of time: one entry per customer."""

    repeats: Vector
    """Times they came after the first."""
    last: Vector
    """Time from the first time to the last."""
    age: Vector
    """Time from the first time to the day."""


@dataclass(frozen=True)
class BgNbd:
    """Rate of orders ~ gamma(r, 1 / alpha), probability of leaving after one ~ beta(a, b)."""

    r: float
    alpha: float
    """In the unit of time."""
    a: float
    b: float

    @classmethod
    def fit(cls, histories: Histories) -> BgNbd:
        """The parameters of the greatest likelihood; raises `UserError` where there is none to be found."""
        best = greatest_likelihood(lambda at: cls(*at).log_likelihoods(histories), STARTS)
        if best is None:
            raise UserError("The orders of this shop fit no BG/NBD.", "Another method is used instead.")
        return cls(*best)

    def log_likelihoods(self, histories: Histories) -> Vector:
        """The logarithm of the likelihood of each history: equation (3) of the paper, as its notes compute it."""
        from scipy.special import gammaln  # noqa: PLC0415 slow to import, and not always needed

        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        x, age = histories.repeats, histories.age
        orders = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        stays = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        there = -(r + x) * np.log(alpha + age)
        gone = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + histories.last)
        value: Vector = orders + stays + np.logaddexp(there, np.where(x > 0, gone, -np.inf))
        return value

    def there(self, histories: Histories) -> Vector:
        """Probability that a customer has not left: 1 of those who came once, whom the model gave no time to leave."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        x = histories.repeats
        # In logarithms: the power of frequent customers overflows.
        odds = np.log(a) - np.log(b + np.maximum(x, 1) - 1)
        odds = odds + (r + x) * (np.log(alpha + histories.age) - np.log(alpha + histories.last))
        return np.where(x > 0, 1 / (1 + np.exp(np.minimum(odds, 700.0))), 1.0)

    def probability_of_order(self, histories: Histories, ahead: float) -> Vector:
        """Probability of at least one order within a time ahead: who is still there leaves only after an order."""
        waits = (self.alpha + histories.age) / (self.alpha + histories.age + ahead)
        value: Vector = self.there(histories) * (1 - waits ** (self.r + histories.repeats))
        return value

    def expected_orders(self, histories: Histories, ahead: float) -> Vector:
        """Orders to be expected within a time ahead: equation (10) of the paper.

        Its hypergeometric function is taken by Euler's transformation, 2F1(u, v; w; z) = (1 - z)^(w-u-v) 2F1(w-u, w-v;
        w; z), in which the powers of the number of orders cancel: as printed it overflows for frequent customers.
        """
        from scipy.special import hyp2f1  # noqa: PLC0415 as above

        a = self.a if abs(self.a - 1) > NEAR_ONE else 1 + NEAR_ONE
        z = ahead / (self.alpha + histories.age + ahead)
        w = a + self.b + histories.repeats - 1
        sums = hyp2f1(a + self.b - 1 - self.r, a - 1, w, z)
        orders: Vector = w / (a - 1) * (1 - (1 - z) ** (a - 1) * sums) * self.there(histories)
        return np.maximum(orders, 0.0)

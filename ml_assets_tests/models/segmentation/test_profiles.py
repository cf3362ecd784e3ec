"""Sentences on segments: what they say of orders, of spend and of pieces."""

import pytest

from ml_assets.models.segmentation.profiles import describe


@pytest.mark.parametrize(
    ("orders", "recency", "sentence"),
    [
        (0, 112, "Has not bought for 90 days, last seen 112 days ago"),
        (0.5, 54, "Buys less than once in 90 days, last seen 54 days ago"),
        (1, 54, "Bought once in 90 days, last seen 54 days ago"),
        (12, 1, "Buys weekly, last seen yesterday"),
    ],
)
def test_a_description_does_not_contradict_itself(orders: float, recency: float, sentence: str) -> None:
    medians = {"recency_days": recency, "orders_90d": orders, "spend_90d": 0, "spend_365d": 0, "tenure_days": 200}
    row = {"customers": 2} | {f"median_{name}": value for name, value in medians.items()}
    assert describe(row, usual=10) == f"{sentence}, a customer for 200 days."


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (3.0, "takes 3 times as many pieces as the median"),
        (2.0, "takes twice as many pieces as the median"),
        (1.2, "takes 20% more pieces than the median"),
        (1.0, "takes about as many pieces as the median"),
        (0.5, "takes 50% fewer pieces than the median"),
        (0.0, ""),
    ],
)
def test_pieces_have_words_of_their_own(times: float, words: str) -> None:
    medians = {"recency_days": 1, "orders_90d": 12, "spend_90d": 10 * times, "spend_365d": 0, "tenure_days": 200}
    row = {"customers": 2} | {f"median_{name}": value for name, value in medians.items()}
    said = describe(row, usual=10, pieces=True)
    assert said == f"Buys weekly, {f'{words}, ' if words else ''}last seen yesterday, a customer for 200 days."

"""What segments can be called, and what can decide on them: the names that a shop may use in its settings.

It stands below the settings, which refuse other names. What a word promises is in `models/segmentation/names.py`, how a
measure is computed in `models/segmentation/inputs.py`.
"""

KEYS = (
    "champions",
    "loyal",
    "active",
    "new",
    "promising",
    "needs_attention",
    "at_risk",
    "almost_lost",
    "previously_loyal",
    "dormant",
)
"""Every `segment_key` that a customer with a history can have."""


def usual_name(key: str) -> str:
    """What a segment is called where nobody gave it a name."""
    return key.replace("_", " ").capitalize()


PROSPECTS = "prospects"
"""The `segment_key` of those who have not bought yet."""

MEDIANS = ("recency_days", "orders_90d", "spend_90d", "spend_365d", "tenure_days")
"""Features of customers whose median is in the profile of a segment, as `median_<name>`."""

MEASURES = (
    "decayed_spend",
    "spend_365d",
    "spend_90d",
    "orders_365d",
    "orders_90d",
    "recency_days",
    "tenure_days",
    "mean_gap_days",
    "mean_order_value",
    "basket_items",
    "category_diversity",
    "weekend_share",
    "evening_share",
    "pace",
)
"""Measures of a customer that can decide on the segment, in the order in which equal ones are preferred."""

"""Tables and plots of assets, as Dagster's page gets them."""

from datetime import date

import dagster as dg
import polars as pl
import pytest

from ml_assets.dagster.assets.figures import flow_metadata, move_metadata
from ml_assets.models.segmentation.moves import NOTES


def assignments(*ways: tuple[str | None, str]) -> pl.DataFrame:
    """Customers with where they were, None for who stayed, and where they are."""
    rows = [(number, key, was, None, None) for number, (was, key) in enumerate(ways)]
    return pl.DataFrame(rows, {"customer_id": pl.Int64, "segment_key": pl.String, **NOTES}, orient="row")


def test_flows_of_weeks_are_a_picture_with_who_joined_left_or_was_in_a_segment_that_ended() -> None:
    now, then = (
        assignments((None, "loyal"), (None, "dormant")),
        assignments((None, "gone")).with_columns(customer_id=pl.lit(1, pl.Int64)),
    )
    segments = pl.DataFrame({"segment_key": ["loyal", "dormant"], "segment_name": ["Loyal", "Asleep"]})
    day = date(2026, 1, 29)
    for earlier in (then, then.clear()):
        (picture,) = flow_metadata(now, earlier, segments, since=date(2026, 1, 1), day=day).values()
        assert str(picture.value).startswith("![Flows since 2026-01-01](data:image/png;base64,")


@pytest.mark.parametrize(
    ("ways", "flows"),
    [([(None, "loyal")], []), ([("loyal", "at_risk"), (None, "loyal")], [("loyal", "at_risk", 1)])],
)
def test_a_day_has_its_flows_even_where_nobody_moved(
    ways: list[tuple[str | None, str]], flows: list[tuple[str, str, int]]
) -> None:
    table = move_metadata(assignments(*ways), len(flows) / len(ways))["moves"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [column.name for column in table.schema.columns] == ["from", "to", "customers"]
    assert [tuple(record.data.values()) for record in table.records] == flows

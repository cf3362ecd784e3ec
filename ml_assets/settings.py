"""The typed model of all settings.

What can be set, its default and what is allowed belong here; finding and reading the YAML file and the environment
belong to `config.py`. Every key is optional. Precedence, high to low: `ML_ASSETS_...` variables (nested keys joined
with `__`, e.g. `ML_ASSETS_SOURCE__REPLAY=false`), the YAML file, the defaults below.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class Section(BaseModel):
    """A group of settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CompleteJourneySource(Section):
    """The built-in 84.51 degrees Complete Journey data: 2,469 households of a grocery chain in 2017."""

    kind: Literal["complete_journey"] = "complete_journey"
    replay: bool = Field(
        default=True,
        description="Shift the year 2017 by whole weeks so that about ten months are history and a new day arrives "
        "every day, year after year. Off: the data keeps its 2017 dates.",
    )
    replay_start: date | None = Field(
        default=None,
        description="First day of the replayed history. Unset: 44 weeks before the first use, then remembered in "
        "the home folder.",
    )


class EventColumns(Section):
    """Which columns of the shop's event files hold what. Times without a zone are in the shop's time zone."""

    customer: str = Field(default="customer_id", description="Who: integer or text.")
    item: str = Field(default="item_id", description="What: integer or text.")
    time: str = Field(default="occurred_at", description="When: a timestamp, a date, or ISO 8601 text.")
    quantity: str | None = Field(default=None, description="How many. Unset: 1.")
    amount: str | None = Field(default=None, description="Paid for the whole line. Unset: no amounts.")
    order: str | None = Field(default=None, description="Order or basket. Unset: one order per customer and day.")
    event_type: str | None = Field(default=None, description="Kind of behaviour, e.g. purchase or view.")
    item_name: str | None = Field(default=None, description="Name of the item, where events carry it.")
    item_category: str | None = Field(default=None, description="Category of the item, where events carry it.")


class ItemColumns(Section):
    """Which columns of the item catalogue hold what."""

    item: str = Field(default="item_id", description="The same id as in the events.")
    name: str | None = Field(default=None, description="What people see.")
    category: str | None = Field(default=None, description="One category per item.")


class FilesSource(Section):
    """Parquet or CSV files: one file, a folder or a glob, local or in an object store."""

    kind: Literal["files"]
    events: str = Field(description="File, folder or glob. Relative paths start at the folder of the YAML file.")
    columns: EventColumns = EventColumns()
    items: str | None = Field(default=None, description="Item catalogue: file, folder or glob. Unset: from the events.")
    item_columns: ItemColumns = ItemColumns()
    format: Literal["auto", "parquet", "csv"] = Field(default="auto", description="auto: by the files' ending.")
    csv_separator: str = Field(
        default=",", pattern=r"^[\x01-\x7f]$", description="Between the fields of CSV files: one ASCII character."
    )
    day_from: Literal["time", "path"] = Field(
        default="time",
        description="time: an event belongs to the day of its time. path: to the ISO date in its file's path "
        "(events/2024-05-31.parquet, events/day=2024-05-31/part-0.parquet); other times are quarantined.",
    )


Source = Annotated[CompleteJourneySource | FilesSource, Field(discriminator="kind")]


class EventSettings(Section):
    """Rules of the event contract. Lines that break it go to quarantine with a reason, never nowhere."""

    max_quantity: float = Field(default=1000, gt=0, description="More on one line is absurd and quarantined.")
    measured_categories: list[str] | None = Field(
        default=None,
        description="Categories sold by measure (fuel, cloth), whose quantity is no count. Unset: what the source "
        "says (the built-in data: fuel, in thousandths of a gallon).",
    )
    measured: Literal["count_as_one", "quarantine"] = Field(
        default="count_as_one",
        description="Lines of measured categories: one purchase with its amount, or quarantined when absurd.",
    )
    returns: Literal["quarantine", "net"] = Field(
        default="quarantine",
        description="Lines with a negative quantity, or of a return type: quarantined, or kept, subtracted from "
        "spend and never counted as interest.",
    )
    return_types: list[str] = Field(default=["return", "refund"], description="Values of event_type that are returns.")
    weights: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default={},
        description="Weight of each event_type as interest, 0 to 1, e.g. {purchase: 1, view: 0.1}. Types not named "
        "count 1.",
    )
    allow_empty_days: bool = Field(default=False, description="A day without events is normal, not a late feed.")


class RecommenderSettings(Section):
    """What is recommended, and the parameters of the models behind it."""

    k: int = Field(default=20, ge=1, le=200, description="Items shown per list.")
    stored: int = Field(default=60, ge=1, le=500, description="Candidates stored per list, so that lists stay full.")
    min_orders: int = Field(default=1, ge=1, description="Customers with fewer orders get the popular items.")
    half_life_days: float = Field(default=90, gt=0, description="Age at which a purchase counts half.")
    neighbours: int = Field(default=300, ge=1, description="Nearest customers that inform a personal list.")
    popularity_days: int = Field(default=28, ge=1, description="Window of the popular items.")
    max_model_items: int = Field(default=6000, ge=10, description="Items in the item-item model, best sellers first.")
    min_item_buyers: int = Field(
        default=20,
        ge=1,
        description="Items with fewer buyers stay out of that model; in small shops a tenth of them will do.",
    )
    evaluation_days: list[Annotated[int, Field(ge=1, le=365)]] = Field(
        default=[7, 30], min_length=1, description="Horizons of the evaluation in the model card, in days."
    )
    exclude_categories: list[str] = Field(default=[], description="Categories that are never recommended.")
    seed: int = Field(default=20170101, ge=0, description="Of everything random in training.")

    @model_validator(mode="after")
    def _store_what_is_shown(self) -> RecommenderSettings:
        if self.stored < self.k:
            raise ValueError(f"stored ({self.stored}) must be at least k ({self.k})")
        return self


class SegmentationSettings(Section):
    """How customers are grouped."""

    k_min: int = Field(default=4, ge=2, le=10, description="Fewest segments tried.")
    k_max: int = Field(default=7, ge=2, le=10, description="Most segments tried; there are ten names.")
    min_share: float = Field(default=0.03, ge=0, lt=0.5, description="No segment smaller than this share.")
    seed: int = Field(default=20170101, ge=0, description="Of everything random in training.")

    @model_validator(mode="after")
    def _range_is_one(self) -> SegmentationSettings:
        if self.k_max < self.k_min:
            raise ValueError(f"k_max ({self.k_max}) must be at least k_min ({self.k_min})")
        return self


class FreshnessLimits(Section):
    """Ages at which a subject is late (warn) and stale (error)."""

    warn_after: timedelta = Field(description="Hours such as 30h, days such as 2d, or ISO 8601 (PT30H).")
    error_after: timedelta = Field(description="As warn_after, and later.")

    @field_validator("warn_after", "error_after", mode="before")
    @classmethod
    def _short_durations(cls, value: object) -> object:
        units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
        if isinstance(value, str) and value[:-1].isdigit() and value[-1] in units:
            return timedelta(**{units[value[-1]]: int(value[:-1])})
        return value

    @model_validator(mode="after")
    def _warn_first(self) -> FreshnessLimits:
        if self.error_after <= self.warn_after:
            raise ValueError("error_after must be longer than warn_after")
        return self


class FreshnessSettings(Section):
    """Ages count from the end of the newest day contained, in the shop's time zone."""

    data: FreshnessLimits = FreshnessLimits(warn_after=timedelta(hours=30), error_after=timedelta(hours=54))
    features: FreshnessLimits = FreshnessLimits(warn_after=timedelta(hours=30), error_after=timedelta(hours=54))
    model: FreshnessLimits = FreshnessLimits(warn_after=timedelta(days=8), error_after=timedelta(days=15))
    predictions: FreshnessLimits = FreshnessLimits(warn_after=timedelta(hours=30), error_after=timedelta(hours=54))


class ScheduleSettings(Section):
    """When things run, in the shop's time zone."""

    enabled: bool = Field(default=True, description="Schedules are on as soon as Dagster runs.")
    daily_at: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Daily scoring, HH:MM.")
    weekly_at: str = Field(default="04:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Training, Mondays.")


class Settings(BaseSettings):
    """All settings of one shop."""

    model_config = SettingsConfigDict(
        env_prefix="ML_ASSETS_", env_nested_delimiter="__", extra="forbid", frozen=True, populate_by_name=True
    )

    name: str = Field(
        default="",
        pattern=r"^([a-z][a-z0-9_]{0,30})?$",
        description="Short name of the shop: prefixes asset keys, schemas and roles. Empty for a single shop.",
    )
    timezone: str = Field(default="UTC", description="The shop's time zone; days begin and end there.")
    home: Path = Field(
        default=Path(".ml_assets"),
        description="Folder for the lake, the embedded PostgreSQL and Dagster. Relative to the YAML file's folder, "
        "or the current one without a file.",
    )
    lake: str | None = Field(default=None, description="Folder or object-store URL of the lake. Unset: in home.")
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL 14 or newer; libpq's PG* variables fill the gaps. Unset: an embedded one in home.",
    )
    owners: list[str] = Field(default=["team:ml"], description="Owners of the assets, team:NAME or an e-mail address.")
    start_date: date | None = Field(
        default=None,
        description="First day to load. Unset: the source's first, as first seen, at most ten years back.",
    )
    lookback_days: int = Field(default=400, ge=1, le=3660, description="How far back features look.")
    keep_days: int | None = Field(
        default=90,
        ge=7,
        description="Features and predictions in the lake older than this are deleted when a newer day is written; "
        "any day can be rebuilt. Raw events and models stay. null: keep everything.",
    )
    source: Source = CompleteJourneySource()
    events: EventSettings = EventSettings()
    recommender: RecommenderSettings = RecommenderSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    schedules: ScheduleSettings = ScheduleSettings()

    @field_validator("source", mode="before")
    @classmethod
    def _kind_by_its_keys(cls, value: object) -> object:
        """`ML_ASSETS_SOURCE__REPLAY=false` alone means the built-in data, `events` alone means files."""
        if isinstance(value, dict) and "kind" not in value:
            return {"kind": "files" if "events" in value else "complete_journey", **value}
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("not an IANA time zone; use a name such as Europe/Berlin")
        return value

    @property
    def tz(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.timezone)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 the names are the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment overrides the YAML file, which arrives as constructor arguments."""
        return env_settings, init_settings

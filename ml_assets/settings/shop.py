"""All settings of one shop, and which source of a value wins.

What can be set, its default and what is allowed belong to this package, one module for each section; finding and
reading the YAML file and the environment belong to `read/load.py`. Every key is optional. Precedence, high to low:
`ML_ASSETS_...` variables (nested keys joined with `__`, e.g. `ML_ASSETS_SOURCE__REPLAY=false`), the YAML file, the
defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ml_assets.settings.alerts import AlertSettings
from ml_assets.settings.calendar import BusinessCalendar
from ml_assets.settings.compute import ComputeSettings
from ml_assets.settings.drift import DriftSettings
from ml_assets.settings.events import EventSettings
from ml_assets.settings.experiments import ExperimentsSettings
from ml_assets.settings.freshness import FreshnessSettings
from ml_assets.settings.live_quality import LiveQualitySettings
from ml_assets.settings.made import deduced, subjects_made, why_impossible, why_not_explored
from ml_assets.settings.opt_outs import OptOutSettings
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets.settings.report import ReportSettings
from ml_assets.settings.routable import refuse_unknown
from ml_assets.settings.schedules import ScheduleSettings
from ml_assets.settings.segmentation import SegmentationSettings
from ml_assets.settings.serving import ServingSettings
from ml_assets.settings.source import KINDS, CompleteJourneySource, Source, kind_by_keys
from ml_assets.settings.waiting import WaitingSettings
from ml_assets.subjects import SUBJECTS, Subject, Table


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
        description="PostgreSQL 14 to 18; libpq's PG* variables fill the gaps. Unset: an embedded one in home.",
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
    opt_outs: OptOutSettings | None = Field(
        default=None, description="The shop's own list of customers who want nothing personal, beside ml_meta.opt_outs."
    )
    recommender: RecommenderSettings = RecommenderSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    calendar: BusinessCalendar = BusinessCalendar()
    freshness: FreshnessSettings = FreshnessSettings()
    drift: DriftSettings = DriftSettings()
    alerts: AlertSettings = AlertSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    compute: ComputeSettings = ComputeSettings()
    serving: ServingSettings = ServingSettings()
    experiments: ExperimentsSettings = ExperimentsSettings()
    live_quality: LiveQualitySettings = LiveQualitySettings()
    report: ReportSettings = ReportSettings()
    waiting: WaitingSettings = WaitingSettings()

    @field_validator("source", mode="before")
    @classmethod
    def _kind_by_its_keys(cls, value: object) -> object:
        """`ML_ASSETS_SOURCE__REPLAY=false` alone means the built-in data, `events` alone means files."""
        return {"kind": kind_by_keys(value), **value} if isinstance(value, dict) and "kind" not in value else value

    @model_validator(mode="before")
    @classmethod
    def _preset_of_the_source(cls, values: dict[str, Any]) -> dict[str, Any]:
        """What the source knows of its own goods, where the shop says nothing."""
        given, source = values.get("recommender") or {}, values.get("source") or {}
        kind = (kind_by_keys(source) if "kind" not in source else source["kind"]) if isinstance(source, dict) else ""
        section = KINDS.get(kind) if isinstance(source, dict) else type(source)
        preset = {name: list(value) for name, value in section.preset.items()} if section else {}
        if isinstance(given, RecommenderSettings):
            unset = {name: value for name, value in preset.items() if name not in given.model_fields_set}
            given = given.model_copy(update=unset)
        elif isinstance(given, dict):
            given = {**preset, **given}
        return {**values, "recommender": given}

    @model_validator(mode="before")
    @classmethod
    def _without_columns_that_are_not_there(cls, values: dict[str, Any]) -> dict[str, Any]:
        """What follows where orders do not say what was bought, or by whom."""
        return deduced(values)

    @field_validator("name")
    @classmethod
    def _no_name_of_an_asset(cls, value: str) -> str:
        """Its lake would lie in that asset's folder of a shop without a name."""
        if value in (*SUBJECTS, "quarantined_transactions", "items", "models", "opt_outs"):
            raise ValueError(f"{value} is the name of an asset; call the shop otherwise")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("not an IANA time zone; use a name such as Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _routes_have_owners(self) -> Settings:
        """Whoever is not in `alerts.owners` belongs to the first of `owners`, so nobody else is ever told."""
        known = list(dict.fromkeys([*self.owners[:1], *self.alerts.owners.values()]))
        for number, route in enumerate(self.alerts.routes):
            where = f"alerts.routes.{number}.owners"
            refuse_unknown(where, route.owners, known, what="owner of a subject (alerts.owners names them)")
        return self

    @model_validator(mode="after")
    def _reports_go_to_channels(self) -> Settings:
        refuse_unknown(
            "report.channels", self.report.channels, [*self.alerts.channels], what="channel of alerts.channels"
        )
        return self

    @model_validator(mode="after")
    def _refunds_are_netted(self) -> Settings:
        if isinstance(self.source, CompleteJourneySource) or self.source.refunds is None:
            return self
        if self.source.columns.order is None:
            raise ValueError("source.refunds: refunds name orders; map source.columns.order as well")
        if self.events.returns != "net":
            raise ValueError("source.refunds: refunds are subtracted from spend; set events.returns: net as well")
        return self

    @model_validator(mode="after")
    def _makes_something(self) -> Settings:
        if wrong := why_impossible(self):
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _explores_what_is_made(self) -> Settings:
        if wrong := why_not_explored(self.experiments.exploration, self.recommender):
            raise ValueError(wrong)
        return self

    @property
    def subjects(self) -> Mapping[str, Subject]:
        """The subjects that this shop makes, by name."""
        return subjects_made(self)

    @property
    def published(self) -> Mapping[str, Table]:
        """Those of them that are released."""
        return {name: row for name, row in self.subjects.items() if isinstance(row, Table)}

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

"""On which days a shop trades."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from ml_assets.settings.section import Section

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class BusinessCalendar(Section):
    """Days without business do not make data, features or predictions older. Models age every day."""

    business_days: list[Weekday] = Field(
        default=list(WEEKDAYS), min_length=1, description="Weekdays with business: mon, tue, wed, thu, fri, sat, sun."
    )
    country: str | None = Field(
        default=None, pattern=r"^[A-Z]{2}$", description="Public holidays of this country, ISO 3166 (DE, US)."
    )
    region: str | None = Field(default=None, description="Part of the country, ISO 3166-2 without country (BY).")
    holidays: list[date] = Field(default=[], description="Further days without business.")

    @model_validator(mode="after")
    def _known_place(self) -> BusinessCalendar:
        if self.region and not self.country:
            raise ValueError("region needs a country")
        if self.country:
            import holidays  # noqa: PLC0415 only shops with a country need it

            regions = holidays.list_supported_countries(include_aliases=False).get(self.country)
            if regions is None:
                raise ValueError(f"the public holidays of {self.country} are not known; list them under holidays")
            if self.region and self.region not in regions:
                raise ValueError(f"{self.country} has no region {self.region}; known: {', '.join(regions) or 'none'}")
        return self

    def with_business(self, days: Iterable[date]) -> list[date]:
        """Of some days those on which the shop trades."""
        asked = list(days)
        weekdays = self.numbers()
        closed = self.closed_days(min(asked).year, max(asked).year) if asked else {}
        return [day for day in asked if day.isoweekday() in weekdays and day not in closed]

    def numbers(self) -> list[int]:
        """The weekdays with business, Monday 1 to Sunday 7."""
        return sorted({WEEKDAYS.index(day) + 1 for day in self.business_days})

    def closed_days(self, first: int, last: int) -> dict[date, str]:
        """Holidays of the years `first` to `last`, with their names."""
        named: dict[date, str] = {}
        if self.country:
            import holidays  # noqa: PLC0415

            named |= dict(holidays.country_holidays(self.country, subdiv=self.region, years=range(first, last + 1)))
        return named | {day: named.get(day, "closed") for day in self.holidays}

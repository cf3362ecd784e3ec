"""Rules of the event contract."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml_assets.settings.section import Section


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
    duplicates: Literal["between_files", "everywhere"] = Field(
        default="between_files",
        description="Equal lines that are quarantined as delivered twice. between_files: those that another file has "
        "as well; equal lines of one file are kept (one scan a line). everywhere: these too.",
    )
    max_quarantined: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="Loading stops where a larger share of the lines, in all or of one day, is unreadable or breaks "
        "the contract. Lines without a customer, returns and duplicates do not count.",
    )
    guests: Literal["left_out", "one_off"] = Field(
        default="left_out",
        description="Lines without a customer. left_out: set aside and counted, which is no warning. one_off: each "
        "order is a customer of its own who teaches what is bought together and what is popular, and gets no lists and "
        "no segment.",
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

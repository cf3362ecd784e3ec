"""Customers who want nothing personal, as the shop itself notes them: in a file or a table of its own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from ml_assets.settings.section import Section

NO = ("", "false", "f", "no", "n", "0", "off", "nein", "non", "unsubscribed", "opted out", "opted_out", "denied")
YES = ("true", "t", "yes", "y", "1", "on", "ja", "oui", "si", "subscribed", "opted in", "opted_in", "granted")


def _as_words(value: Any) -> Any:
    """YAML reads `no` and `false` as false, and 0 as a number; files hold them as words."""
    return [_word(one) for one in value] if isinstance(value, list) else value


def _word(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    return str(value) if isinstance(value, int | float) else value


class OptOutColumns(Section):
    """Which columns say who opted out: a column's name, or an SQL expression over the columns."""

    customer: str = Field(default="customer_id", description="Who: the same id as source.columns.customer.")
    consent: str | None = Field(
        default=None,
        description="Whether the customer may be contacted, where the list has everybody. Unset: every line is of a "
        "customer who opted out.",
    )


class OptOutSettings(Section):
    """Customers who opted out, in a file, a table, a view or a query of the shop; read at each run."""

    files: str | None = Field(
        default=None,
        description="File, folder or glob, local or in an object store, of the formats of source. Relative paths start "
        "at the folder of the YAML file.",
    )
    table: str | None = Field(
        default=None, min_length=1, description="Table, view or query instead, in `database` or in a PostgreSQL."
    )
    database: str | None = Field(
        default=None,
        description="SQLite or DuckDB file with the table. Unset: that of source, where it is one.",
    )
    url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL with the table; best set as ML_ASSETS_OPT_OUTS__URL. Unset: that of source, else "
        "database_url.",
    )
    columns: OptOutColumns = OptOutColumns()
    no: Annotated[list[str], BeforeValidator(_as_words)] | None = Field(
        default=None,
        min_length=1,
        description='Values of columns.consent that mean no, capitals or not, "" for an empty one; all others then '
        "mean yes. Unset: whatever is not plainly a yes (true, yes, 1, subscribed, ...) is a no, empty values too.",
    )
    most_returning: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Where a larger share of those who opted out is gone from the list at once, it is taken for a "
        "broken one: new opt-outs count, nobody is let back in, and the run says so. 1: believe every list.",
    )

    @model_validator(mode="after")
    def _says_where(self) -> OptOutSettings:
        if (self.files is None) == (self.table is None):
            raise ValueError("opt_outs: give either files or table")
        if self.files is not None and (self.database is not None or self.url is not None):
            raise ValueError("opt_outs: database and url go with table, not with files")
        if self.no is not None and self.columns.consent is None:
            raise ValueError("opt_outs.no: say which column holds these values: opt_outs.columns.consent")
        return self

"""Reading who opted out, from a file or a table of the shop.

Only reading belongs here, with the readers of events; what a list does is decided in `books/opt_outs.py`. Where it
cannot be read wholly, nothing is returned.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from ml_assets.errors import PassingError, UserError
from ml_assets.ids import IdType, polars_type
from ml_assets.settings.columns import EventColumns
from ml_assets.settings.opt_outs import NO, YES, OptOutSettings
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import (
    KINDS,
    DatabaseFileSource,
    DuckdbSource,
    FilesSource,
    PostgresSource,
    SourceSection,
    SqliteSource,
)
from ml_assets.sources.build import BY_KIND
from ml_assets.sources.columns import Reading
from ml_assets.sources.database_file import kind_of_database
from ml_assets.sources.files import Files
from ml_assets.sources.postgres.listed import read_list

SECTION = "opt_outs.columns"
# A list has neither, so that they need not be found out.
NO_NUMBERS_NO_DATES = {"numbers": "1,234.56", "dates": "2026-12-31"}
NULL_WORDS = tuple(word.lower() for word in FilesSource(kind="files", events="").null_words)
SHOWN = 5


@dataclass(frozen=True)
class OptOutList:
    """What the shop's list says."""

    customers: pl.Series
    """Ids of the shop's type, each once: those who opted out."""
    lines: int
    unreadable: int
    """Lines whose customer is no id of the shop."""
    unknown: tuple[str, ...]
    """Some values of the consent that are neither a plain yes nor a plain no, and count as no."""


def read_opt_outs(settings: Settings, customer_type: IdType, *, today: date) -> OptOutList:
    """The list as it is now; raises `UserError` where it cannot be read, or its customers are not the shop's."""
    wanted = settings.opt_outs
    if wanted is None:
        raise ValueError("The settings name no opt-outs.")
    reading = Reading(settings.timezone, NULL_WORDS)
    lines = pl.concat(_read(frame, wanted, customer_type, reading) for frame in _frames(settings, wanted, today))
    strange = lines.filter("given", pl.col("customer_id").is_null())
    if strange.height and strange.height == lines["given"].sum():
        raise UserError(
            f"opt_outs: no value of {wanted.columns.customer} is a customer's id of this shop, all of which are whole "
            f"numbers ({strange['word'][0]}).",
            f"Set {SECTION}.customer to the column with the ids of source.columns.customer.",
            code="source.unreadable",
        )
    customers, unknown = _who_said_no(lines.drop_nulls("customer_id"), wanted)
    return OptOutList(customers, lines.height, strange.height, unknown)


def _who_said_no(lines: pl.DataFrame, wanted: OptOutSettings) -> tuple[pl.Series, tuple[str, ...]]:
    """The customers, and words that were not understood."""
    unknown: tuple[str, ...] = ()
    if wanted.columns.consent is not None:
        word = pl.col("consent").fill_null("").str.strip_chars().str.to_lowercase()
        if wanted.no is not None:
            lines = lines.filter(word.is_in([no.lower() for no in wanted.no]))
        else:
            lines = lines.filter(~word.is_in(YES))
            unknown = tuple(lines.select(word).filter(~pl.col("consent").is_in(NO))["consent"].unique().sort()[:SHOWN])
    return lines["customer_id"].unique().sort(), unknown


def _read(frame: pl.DataFrame, wanted: OptOutSettings, customer_type: IdType, reading: Reading) -> pl.DataFrame:
    """customer_id, `given` (whether there is one), `word` (as it is written) and the consent as text."""
    kinds, column, consent = frame.schema, wanted.columns.customer, wanted.columns.consent
    return frame.select(
        customer_id=reading.id(column, kinds, customer_type).cast(polars_type(customer_type)),
        given=reading.is_given(column, kinds),
        word=pl.col(column).cast(pl.String),
        consent=pl.col(consent).cast(pl.String) if consent else pl.lit(None, pl.String),
    )


def _frames(settings: Settings, wanted: OptOutSettings, today: date) -> Iterator[pl.DataFrame]:
    """The columns of the list, a frame for each file; expressions are computed and go by their text."""
    source = _source(settings, wanted)
    if isinstance(source, PostgresSource):
        yield _of_postgres(settings, source, wanted)
        return
    files = BY_KIND[source.kind](settings, source, today=today)
    if not isinstance(files, Files):
        raise TypeError(f"{source.kind} are no files.")
    files.events_setting = "opt_outs.files" if wanted.files else "opt_outs.table"
    for path in files.event_paths:
        yield files.read_table(path, SECTION, wanted.columns)


def _of_postgres(settings: Settings, source: PostgresSource, wanted: OptOutSettings) -> pl.DataFrame:
    own = settings.database_url.get_secret_value() if settings.database_url else None
    texts = {f"{SECTION}.{name}": text for name, text in wanted.columns.model_dump().items() if text}
    try:
        return read_list(source, own, texts)
    except UserError as error:
        # The words are those of the source.
        problem = error.problem.replace("source.table", "opt_outs.table")
        step = "Check opt_outs.table and opt_outs.columns, and that the role may read the table."
        kind = PassingError if isinstance(error, PassingError) else UserError
        raise kind(problem, step, code=error.code) from None


def _source(settings: Settings, wanted: OptOutSettings) -> FilesSource | SqliteSource | DuckdbSource | PostgresSource:
    """The section of a source that reads the list: as its keys say, else beside the shop's own orders."""
    own = settings.source
    database = wanted.database
    if database is None and wanted.url is None and isinstance(own, DatabaseFileSource):
        database = own.database
    if wanted.files is None and database is None:
        shared = own if isinstance(own, PostgresSource) else PostgresSource(kind="postgres", table=wanted.table or "")
        return shared.model_copy(update={"table": wanted.table, **({"url": wanted.url} if wanted.url else {})})
    where: dict[str, object] = {"kind": "files", "events": wanted.files}
    if database is not None:
        where = {"kind": kind_of_database(database, "opt_outs.database"), "database": database, "table": wanted.table}
    # There are no events; their columns must be some that are there.
    columns = EventColumns(**dict.fromkeys(("customer", "item", "time"), wanted.columns.customer))
    section: type[SourceSection] = KINDS[str(where["kind"])]
    found = section.model_validate({**where, "columns": columns, **NO_NUMBERS_NO_DATES})
    if not isinstance(found, FilesSource | SqliteSource | DuckdbSource):
        raise TypeError(f"{where['kind']} cannot be read as files are.")
    return found

"""Excel workbooks, and those of LibreOffice, through fastexcel (calamine)."""

from collections.abc import Sequence

import fastexcel
import polars as pl

from ml_assets.errors import UserError
from ml_assets.settings.source import FilesSource
from ml_assets.sources.formats.packed import read_bytes

WHOLE_FLOATS = 2**53


def scan_excel(path: str, settings: FilesSource, wanted: Sequence[str]) -> pl.LazyFrame:
    """One sheet: that of `source.sheet`, else the only one that has the wanted columns."""
    try:
        book = fastexcel.read_excel(read_bytes(path))
        frame = _sheet(path, book, settings.sheet, wanted)
    except fastexcel.FastExcelError as error:
        raise UserError(
            f"{path} is no readable workbook: {str(error).splitlines()[0]}.",
            "Save it again as .xlsx, without a password, or export the sheet as CSV.",
            code="source.unreadable",
        ) from None
    # Cells hold numbers as floats: an integer beyond 2^53 has lost digits, and must show it.
    lost = [name for name, kind in frame.schema.items() if kind == pl.Int64 and _is_beyond(frame[name])]
    return frame.with_columns(pl.col(lost).cast(pl.Float64)).lazy()


def _sheet(path: str, book: fastexcel.ExcelReader, chosen: str | None, wanted: Sequence[str]) -> pl.DataFrame:
    names = [chosen] if chosen else book.sheet_names
    if chosen and chosen not in book.sheet_names:
        raise UserError(
            f"{path} has no sheet {chosen!r} (it has: {', '.join(book.sheet_names)}).",
            "Set source.sheet to one of them.",
            code="source.unreadable",
        )
    sheets = {name: pl.DataFrame(book.load_sheet(name, schema_sample_rows=None)) for name in names}
    fitting = {name: frame for name, frame in sheets.items() if set(wanted) <= set(frame.columns)}
    if len(fitting) > 1:
        raise UserError(
            f"{path} has {len(fitting)} sheets with the mapped columns: {', '.join(fitting)}.",
            "Name the one with the lines as source.sheet.",
            code="source.unreadable",
        )
    # Where none fits, the first tells which columns there are.
    return next(iter((fitting or sheets).values()))


def _is_beyond(values: pl.Series) -> bool:
    return bool((values.abs() > WHOLE_FLOATS).any())

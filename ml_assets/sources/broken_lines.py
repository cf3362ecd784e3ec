"""Which line of a CSV file cannot be read, for complaints: libraries say what is wrong, and not where.

Only looked for after reading failed; the separator is that of the header.
"""

import csv
from io import StringIO

from ml_assets.sources.formats.packed import read_bytes

SEPARATORS = ",;\t|"
# A field longer than this is the rest of the file behind a quote that was never closed.
LONGEST_FIELD = 2**31 - 1
NOT_TEXT = (
    ".parquet",
    ".pq",
    ".arrow",
    ".feather",
    ".ipc",
    ".xlsx",
    ".xls",
    ".xlsb",
    ".ods",
    ".ndjson",
    ".jsonl",
    ".zst",
)


def broken_line(path: str) -> str | None:
    """What is wrong with the first line that does not fit, in words; None where there is none, or it cannot be told.

    Lines are counted as an editor shows them, the header as line 1.
    """
    if path.lower().endswith(NOT_TEXT):
        return None
    try:
        text = read_bytes(path).decode("utf-8", errors="replace").lstrip("\ufeff")
    except (OSError, EOFError):
        return None
    header = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(SEPARATORS, key=header.count))
    csv.field_size_limit(LONGEST_FIELD)
    columns, began, lines = 0, 1, text.splitlines()
    for fields in reader:
        columns = columns or len(fields)
        if reader.line_num >= len(lines) and "".join(lines[began - 1 :]).count('"') % 2:
            return f"a quote opens in line {began} and is never closed"
        if len(fields) > columns:
            return f"line {began} has {len(fields)} fields, the header {columns}"
        began = reader.line_num + 1
    return None

"""CSV files: encoding and separator as they are found, everything read as text.

The encoding is found by byte order marks and by what can be decoded, the separator by the header that holds the mapped
columns: what a file must have tells more than any statistics. Both can be set.
"""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import polars as pl
from charset_normalizer import from_bytes
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.settings.source import FilesSource
from ml_assets.sources.formats.packed import PACKED, read_bytes, read_start

SEPARATORS = (",", ";", "\t", "|")
BLANK = " "
"""Stands for any number of blanks, as in files whose columns are padded to a width."""
WHOLE_LINE = "the whole line"
# Fewer could be the words of one column.
FEWEST_BETWEEN_BLANKS = 3
LINES_COMPARED = 200
SIGNS_IN_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", BLANK: "blanks"}
# So much is looked at; a file whose first other letter comes later is told when it is read.
LOOKED_AT = 32 * 2**20
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
OTHER_ALPHABETS = ("cp1250", "cp1251", "cp1253", "cp1254", "cp1257")
# Letters of two bytes in UTF-8 that are no letters in any order of Western text: Ã followed by a sign.
UTF8_LETTER = re.compile(rb"[\xc3\xc4\xc5\xd0\xd1][\x80-\xbf]")


@dataclass(frozen=True)
class Dialect:
    """How one CSV file is written."""

    encoding: str
    separator: str
    first_fields: tuple[str, ...] = ()
    """What the first line holds: the header, where there is one."""

    def is_plain(self, path: str) -> bool:
        """Whether the file is read as it lies there: neither unpacked nor translated, nor parted by us."""
        return self.encoding == "utf-8" and self.separator != BLANK and not path.lower().endswith(PACKED)

    def in_words(self) -> str:
        """For people."""
        return f"{self.encoding}, {SIGNS_IN_WORDS.get(self.separator, repr(self.separator))} between fields"


def scan_csv(path: str, settings: FilesSource, wanted: Sequence[str]) -> pl.LazyFrame:
    """Text throughout: one unreadable value must cost one line, not the file."""
    return scan_as(path, settings, find_dialect(path, settings, wanted))


def scan_as(path: str, settings: FilesSource, dialect: Dialect) -> pl.LazyFrame:
    """The same of a file whose dialect is known.

    Types that Polars' reader gives are no way: where a value is none of its type, streamed batches before the error may
    lack lines (Polars 2.1).
    """
    if dialect.separator == BLANK:
        return _split_at_blanks(path, dialect, settings.csv_header)
    names = settings.csv_header
    if names is not None and dialect.first_fields and len(names) != len(dialect.first_fields):
        raise UserError(
            f"{path} has {len(dialect.first_fields)} columns, and source.csv_header names {len(names)} (its first "
            f"line: {', '.join(dialect.first_fields)}).",
            "Name every column of the file, in their order.",
            code="source.unreadable",
        )
    return _scan(
        path, dialect, separator=dialect.separator, quote_char=settings.csv_quote or None, has_header=names is None,
        new_columns=names,
    )  # fmt: skip


def _scan(path: str, dialect: Dialect, **how: Any) -> pl.LazyFrame:
    if dialect.encoding == "utf-8" and not path.lower().endswith(".zip"):
        options = dict(UPath(path).storage_options) or None
        return pl.scan_csv(path, infer_schema=False, storage_options=options, glob=False, **how)
    content = read_bytes(path)
    if dialect.encoding != "utf-8":
        content = _decoded(path, content, dialect.encoding).encode()
    return pl.scan_csv(BytesIO(content), infer_schema=False, **how)


def _split_at_blanks(path: str, dialect: Dialect, names: Sequence[str] | None) -> pl.LazyFrame:
    """Lines whose fields stand apart by any number of blanks; of a line with more fields the last one has the rest."""
    lines = _scan(path, dialect, separator="\x01", quote_char=None, has_header=False, new_columns=[WHOLE_LINE])
    if names is None:
        header = lines.head(1).collect().item()
        lines, names = lines.slice(1), header.split()
    single = pl.col(WHOLE_LINE).str.strip_chars().str.replace_all(r"\s+", BLANK)
    fields = single.str.splitn(BLANK, len(names)).struct.rename_fields(list(names)).alias(WHOLE_LINE)
    return lines.select(fields).unnest(WHOLE_LINE)


def find_dialect(path: str, settings: FilesSource, wanted: Sequence[str]) -> Dialect:
    """Encoding and separator of a file, as set or found."""
    start = _plain_start(path)
    encoding = settings.encoding if settings.encoding != "auto" else _encoding(path, start)
    lines = _first_lines(start, encoding)
    separator = settings.csv_separator if settings.csv_separator != "auto" else _separator(lines, settings, wanted)
    return Dialect(encoding, separator, tuple(_fields(lines, separator, settings)))


def _first_lines(start: bytes, encoding: str) -> list[str]:
    """Some of the lines that a file begins with, whole ones."""
    text = start[: 2**16].decode(encoding, errors="replace").lstrip("\ufeff")
    return text.splitlines()[: LINES_COMPARED if len(start) <= 2**16 else -1][:LINES_COMPARED]


def _plain_start(path: str) -> bytes:
    start = read_start(path, LOOKED_AT)
    if path.lower().endswith(".zst"):
        # As one column without quotes, which is how Polars unpacks what Python 3.11 cannot.
        lines = pl.read_csv(
            BytesIO(start), has_header=False, separator="\x01", quote_char=None, encoding="utf8-lossy", n_rows=1000
        )
        return "\n".join(lines.to_series(0).fill_null("").cast(pl.String)).encode()
    return start


def _encoding(path: str, start: bytes) -> str:
    for mark, name in MARKS.items():
        if start.startswith(mark):
            return name
    if zeros := _encoding_by_zeros(start):
        return zeros
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        # The end may cut a letter in two.
        decoder.decode(start, final=len(start) < LOOKED_AT)
    except UnicodeDecodeError as error:
        _refuse_mixture(path, start, error.start)
        return _single_byte_encoding(path, start)
    return "utf-8"


def _encoding_by_zeros(start: bytes) -> str | None:
    """UTF-16 without a mark: of each pair of bytes of Western text one is zero."""
    sample = start[:4096]
    if len(sample) >= 4 and sample[1::2].count(0) > 0.4 * len(sample) / 2:
        return "utf-16-le"
    if len(sample) >= 4 and sample[0::2].count(0) > 0.4 * len(sample) / 2:
        return "utf-16-be"
    return None


def _single_byte_encoding(path: str, start: bytes) -> str:
    """Windows-1252 where that gives Western words, else what statistics say of the lines with other letters."""
    lines = b"\n".join([line for line in start.splitlines() if not line.isascii()][:2000])
    if _is_western(lines.decode("cp1252", errors="replace")):
        return "cp1252"
    best = from_bytes(lines, cp_isolation=list(OTHER_ALPHABETS)).best()
    if best is None:
        raise UserError(
            f"{path} is neither UTF-8 nor any usual 8-bit encoding.",
            "Set source.encoding to that of the export, such as windows-1250, or export it as UTF-8.",
            code="source.unreadable",
        )
    return str(best.encoding)


def _is_western(text: str) -> bool:
    """Whether letters beyond ASCII stand among plain ones, and signs beyond ASCII not within words."""
    # A hard blank between words is no sign within one.
    words = re.findall(r"\w*[^\x00-\x7f]+\w*", text.replace("\xa0", " "))
    within = sum(bool(re.search(r"\w[^\x00-\x7f\w\u2019]\w", word)) for word in words)
    others = sum(letter.isalpha() and not letter.isascii() for word in words for letter in word)
    letters = sum(map(str.isalpha, "".join(words)))
    return "\ufffd" not in text and within <= 0.05 * len(words) and others <= 0.6 * letters


def _refuse_mixture(path: str, start: bytes, at: int) -> None:
    """Raise `UserError` where some lines are UTF-8 and others are not: no reading would be right for both."""
    if found := UTF8_LETTER.search(start):
        other, utf8 = (start.count(b"\n", 0, place) + 1 for place in (at, found.start()))
        if other != utf8:
            raise UserError(
                f"{path} is written in two encodings: line {utf8} in UTF-8, line {other} not.",
                "Export it in one encoding, best UTF-8; or say which is right for all with source.encoding.",
                code="source.unreadable",
            )


def _decoded(path: str, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} line {line} is not written in {encoding}: the byte 0x{content[error.start]:02x} is none of it.",
            "Set source.encoding to the encoding of the export, or export it as UTF-8.",
            code="source.unreadable",
        ) from None
    except LookupError:
        raise UserError(
            f"source.encoding: {encoding} is no encoding that is known here.",
            "Use a name such as utf-8, utf-16, windows-1252 or latin-1.",
        ) from None


def _separator(lines: Sequence[str], settings: FilesSource, wanted: Sequence[str]) -> str:
    """The sign that makes most of the wanted columns, or as many as have names, then most columns, of the first line.

    Blanks where none of them parts it, and all lines have as many fields between blanks.
    """
    named = len(settings.csv_header or ())

    def fits(sign: str) -> tuple[int, bool, int]:
        fields = _fields(lines, sign, settings)
        return len(set(wanted) & set(fields)), len(fields) == named, len(fields)

    best = max((*SEPARATORS, BLANK) if named else SEPARATORS, key=fits)
    if fits(best)[-1] <= 1:
        counts = {len(line.split()) for line in lines if line.strip()}
        if len(counts) == 1 and counts.pop() >= FEWEST_BETWEEN_BLANKS:
            return BLANK
    return best


def _fields(lines: Sequence[str], separator: str, settings: FilesSource) -> list[str]:
    """What the first line holds."""
    if separator == BLANK:
        return lines[0].split() if lines else []
    quote = settings.csv_quote or None
    if quote is None:
        return lines[0].split(separator) if lines else []
    return next(csv.reader(lines, delimiter=separator, quotechar=quote), [])

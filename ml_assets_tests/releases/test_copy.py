"""What goes through the binary COPY encoder comes back from PostgreSQL unchanged."""

from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.releases.copy.encode import SIGNATURE, TRAILER, encode

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(width=32, allow_nan=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            WHOLE,
            TEXT,
            st.lists(st.none() | WHOLE, max_size=4),
            st.lists(st.none() | TEXT, max_size=4),
            st.lists(REAL, max_size=3),
            st.lists(st.integers(-(2**15), 2**15 - 1), max_size=3),
            st.floats(allow_nan=False),
        ),
        min_size=1,
        max_size=9,
    ),
    block=st.integers(1, 5),
    chunk_bytes=st.integers(1, 400),
)
def test_postgresql_reads_what_was_encoded_in_whatever_chunks(
    embedded_url: str, rows: list[tuple[Any, ...]], block: int, chunk_bytes: int
) -> None:
    types: list[Any] = [
        pl.Int64,
        pl.String,
        pl.List(pl.Int64),
        pl.List(pl.String),
        pl.List(pl.Float32),
        pl.List(pl.Int16),
        pl.Float64,
    ]
    columns = [pl.Series(str(i), [row[i] for row in rows], dtype=dtype) for i, dtype in enumerate(types)]
    with psycopg.connect(embedded_url) as connection:
        connection.execute(
            "CREATE TEMP TABLE t (a bigint, b text, c bigint[], d text[], e real[], f smallint[], g float8)"
        )
        with connection.cursor().copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.write(SIGNATURE)
            for part in pl.DataFrame(columns).iter_slices(block):
                for chunk in encode(part.get_columns(), chunk_bytes):
                    copy.write(chunk)
            copy.write(TRAILER)
        assert connection.cursor(binary=True).execute("SELECT * FROM t").fetchall() == rows
        connection.rollback()


def test_no_rows_are_a_valid_copy(embedded_url: str) -> None:
    nothing = [pl.Series("a", [], pl.Int64), pl.Series("b", [], pl.List(pl.String))]
    with psycopg.connect(embedded_url) as connection:
        connection.execute("CREATE TEMP TABLE t (a bigint, b text[])")
        with connection.cursor().copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.write(SIGNATURE)
            for chunk in encode(nothing, 100):
                copy.write(chunk)
            copy.write(TRAILER)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_chunks_are_as_large_as_wished_and_every_row_is_whole() -> None:
    texts = pl.Series("a", ["x" * size for size in (10, 10, 10, 500, 10)])
    # A row is the number of its fields, the length of the text, and the text: 16 bytes, or 506.
    assert [len(chunk) for chunk in encode([texts], 40)] == [32, 16, 506, 16]
    assert [len(chunk) for chunk in encode([texts], 32)] == [32, 16, 506, 16]
    assert [len(chunk) for chunk in encode([texts], 1)] == [16, 16, 16, 506, 16]
    assert b"".join(encode([texts], 40)) == b"".join(encode([texts], 10_000))


def test_null_keys_and_null_lists_are_refused() -> None:
    for column in (pl.Series("a", [1, None]), pl.Series("a", [[1], None])):
        with pytest.raises(ValueError, match="Column a has null"):
            list(encode([column], 100))

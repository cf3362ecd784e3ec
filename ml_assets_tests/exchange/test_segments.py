"""Segments as files: those made elsewhere come in, and addresses of a segment's customers go out."""

import hashlib
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.exchange.contacts import read_contacts
from ml_assets.exchange.exports import write_audience, write_export
from ml_assets.exchange.segments import ImportedSegments, read_segments
from ml_assets.exchange.vocabulary import Vocabulary
from ml_assets.ids import IdTypes
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import MONDAY, assignments, release, segments

WORDS = Vocabulary(IdTypes("bigint", "bigint"), (), ZoneInfo("UTC"))


def write(folder: Path, text: str, name: str = "segments.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> ImportedSegments:
    return read_segments(path, WORDS)


def test_segments_that_were_exported_can_be_imported_again(connection: ServingConnection, tmp_path: Path) -> None:
    value = {"alive_probability": [0.75, 0.25, 0.5], "expected_spend_90d": [20.5, 0.0, 7.25]}
    frame = assignments().with_columns(pl.Series(name, numbers) for name, numbers in value.items())
    release(connection, frame, "segment_assignments", segments=segments())
    path = tmp_path / "segments.csv"
    assert write_export(connection, "segments", path, "csv") == 3
    assert pl.read_csv(path).select(pl.nth(0, -2, -1)).rows() == [(1, 0.75, 20.5), (2, 0.25, 0.0), (3, 0.5, 7.25)]
    imported = read(path)
    assert imported.day == MONDAY
    published = release(connection, imported.assignments, "segment_assignments", day=1, segments=imported.segments)
    assert published.state == "live"
    query = "SELECT customer_id, segment_key, segment_name FROM ml.segment_assignments ORDER BY 1"
    assert connection.execute(query).fetchall() == [
        (1, "loyal", "Loyal"), (2, "dormant", "Dormant"), (3, "loyal", "Loyal"),
    ]  # fmt: skip


def test_the_least_a_file_needs_is_a_customer_and_a_key(connection: ServingConnection, tmp_path: Path) -> None:
    imported = read(write(tmp_path, "customer_id,segment_key,clv\n1,vip_2,7\n2,vip_2,8\n3,rest,1\n"))
    release(connection, imported.assignments, "segment_assignments", segments=imported.segments)
    query = "SELECT segment_key, segment_name, customers, median_spend_90d FROM ml.segments ORDER BY 1"
    assert connection.execute(query).fetchall() == [("rest", "Rest", 1, None), ("vip_2", "Vip 2", 2, None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("customer_id\n1\n", "no column segment_key"),
        ("customer_id,segment_key\n1,\n", "line 2, column segment_key"),
        ("customer_id,segment_key\n1,VIP!\n", "line 2, column segment_key: 'VIP!'"),
        ("customer_id;segment_key\n1;nan\n", "line 2, column segment_key: 'nan'"),
        (
            "customer_id,segment_key,segment_name\n1,vip,Best\n2,rest,Best\n",
            "segments rest and vip are both called Best",
        ),
        ("customer_id,segment_key\nx,vip\n", "line 2, column customer_id"),
        ("customer_id,segment_key\n1,vip\n1,rest\n", "line 3, customer 1 is there twice"),
        (
            "customer_id,segment_key,segment_name\n1,vip,Best\n2,vip,Very best\n",
            "segment vip has 2 different values of segment_name",
        ),
        (
            "customer_id,segment_key\n" + "".join(f"{number},k{number}\n" for number in range(300)),
            "300 different values in segment_key",
        ),
    ],
    ids=[
        "no key",
        "empty key",
        "bad key",
        "no value",
        "one name of two",
        "bad id",
        "twice",
        "two names",
        "a column of something else",
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_with_row_and_column(tmp_path: Path, text: str, words: str) -> None:
    with refused("file.refused", words):
        read(write(tmp_path, text))


def test_an_audience_has_the_addresses_of_a_segment_without_those_who_opted_out(
    connection: ServingConnection, tmp_path: Path
) -> None:
    release(connection, assignments(("loyal", "loyal", "dormant")), "segment_assignments", segments=segments())
    connection.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (2)")
    contacts = write(
        tmp_path, "customer_id,email\n1, Ann@Example.org \n2,bob@example.org\n3,\n9,x@y.zz\n", "contacts.csv"
    )
    path = tmp_path / "audience.csv"
    assert write_audience(connection, path, "csv", ["loyal"], read_contacts(contacts, WORDS, is_hashed=False)) == 1
    assert pl.read_csv(path).rows() == [("Ann@Example.org", 1, "loyal", "Loyal")]
    assert write_audience(connection, path, "csv", [], read_contacts(contacts, WORDS, is_hashed=True)) == 1
    expected = hashlib.sha256(b"ann@example.org").hexdigest()
    assert pl.read_csv(path)["email_sha256"].to_list() == [expected]


def test_what_is_no_address_is_named_by_its_line(tmp_path: Path) -> None:
    contacts = write(tmp_path, "customer_id,email\n1,ann@example.org\n2,bob\n")
    with refused("file.refused", "line 3, column email: 'bob' is no address"):
        read_contacts(contacts, WORDS, is_hashed=False)

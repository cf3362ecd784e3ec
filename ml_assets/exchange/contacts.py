"""Addresses of customers, which the shop keeps elsewhere: read from a file for a list that leaves the house.

They are joined with segments in `exports.py`; nothing of them is stored.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ml_assets.exchange.table_file import Column, read_table, refuse
from ml_assets.exchange.vocabulary import Vocabulary

ADDRESS = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")


@dataclass(frozen=True)
class Contacts:
    """Customers with an address."""

    frame: pl.DataFrame
    """customer_id and `column`, one row per customer."""
    column: str
    """email, or email_sha256."""


def read_contacts(path: Path, words: Vocabulary, *, is_hashed: bool) -> Contacts:
    """customer_id and email from CSV or Parquet; customers without an address are dropped, further columns ignored.

    Hashed, an address is the SHA-256 of its lower case, in hex: the form in which ad platforms match audiences. Raises
    `UserError` that names file, row and column of what is no address.
    """
    columns = {"customer_id": words.column("customer_id", required=True), "email": Column(required=True)}
    frame = read_table(path, columns, others_allowed=True).drop_nulls()
    wrong = [row for row, email in enumerate(frame["email"]) if not ADDRESS.fullmatch(email)]
    if wrong:
        refuse(path, [(row, f"column email: {frame['email'][row]!r} is no address") for row in wrong])
    frame = frame.unique("customer_id", keep="first", maintain_order=True)
    if not is_hashed:
        return Contacts(frame, "email")
    digests = [hashlib.sha256(email.lower().encode()).hexdigest() for email in frame["email"]]
    return Contacts(frame.select("customer_id", pl.Series("email_sha256", digests, dtype=pl.String)), "email_sha256")

"""Erasing one person: the guard first, then everything there is, then a search, then a receipt.

The order belongs here. Whatever happens in between, erasing again finishes it: nothing depends on what was there. Runs
may be at work all the while: they write files with customers only under a lock and leave out whoever was erased.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial

from ml_assets.books.erased import nobody_writes, note_erased
from ml_assets.database.connection import ServingConnection
from ml_assets.erasure.database import count_rows, delete_rows, parse_customer, write_receipt
from ml_assets.erasure.files import count_in_exports, count_in_lake, erase_from_exports, erase_from_lake
from ml_assets.erasure.pages import count_pages, erase_pages
from ml_assets.erasure.unfinished import exports_folder, remove_unfinished
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings


@dataclass(frozen=True)
class Receipt:
    """What an erasure did; it holds no id."""

    receipt_id: int
    customer_hash: str
    """SHA-256 of the shop's salt and the id, in hexadecimal."""
    removed: dict[str, int]
    """Rows removed, by table, asset of the lake, or exports."""
    found: dict[str, int] | None
    """What a search afterwards found; empty is good, None: not searched."""


def erase(connection: ServingConnection, settings: Settings, customer: str, *, verify: bool) -> Receipt:
    """Remove a person from the database, the lake and the exports, and keep backfills from bringing them back.

    Raises `UserError` where something cannot be searched or changed; what was removed until then stays removed.
    """
    person = parse_customer(connection, customer)
    lake, exports = Lake.of(settings), exports_folder(settings)
    alone = partial(nobody_writes, connection)
    digest = note_erased(connection, person)
    with alone():
        # Whoever writes after this knows of the person; whoever began before is done.
        remove_unfinished(settings)
    removed: Counter[str] = erase_from_lake(lake, person, alone)
    removed += delete_rows(connection, person)
    # Last, because they are written from the database.
    removed += erase_from_exports(exports, person)
    removed += erase_pages(settings, person)
    found = None
    if verify:
        found = count_rows(connection, person) + count_in_lake(lake, person) + count_in_exports(exports, person)
        found += count_pages(settings, person)
    receipt = write_receipt(connection, digest, removed, None if found is None else not found)
    return Receipt(receipt, digest.hex(), dict(sorted(removed.items())), None if found is None else dict(found))

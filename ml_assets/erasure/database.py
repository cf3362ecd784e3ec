"""One person's rows in the database: found by what tables hold, not by a list that somebody has to keep.

Every table of the shop's schemas with a column customer_id is meant, partitions of retired releases among them.
Files are the matter of `files.py`, the order of the steps that of `erase.py`.
"""

import re
from collections import Counter

import psycopg
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from ml_assets.database.ask import id_types, one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import act_as_owner
from ml_assets.errors import UserError
from ml_assets.releases.pointer import begin
from ml_assets.subjects import PUBLISHED

RELEASE_ENDING = re.compile(r"_\d+$")


def parse_customer(connection: ServingConnection, text: str) -> int | str:
    """A customer id as the shop's database holds it; raises `UserError` where it cannot be one."""
    if id_types(connection).customer == "text":
        return text
    try:
        number = int(text)
    except ValueError:
        raise UserError(
            f"{text!r} is no customer id of this shop, whose ids are integers.", "Give the id alone."
        ) from None
    if not -(2**63) <= number < 2**63:
        raise UserError(f"{text} is too large for a customer id.", "Give the id alone.")
    return number


def delete_rows(connection: ServingConnection, customer: int | str) -> Counter[str]:
    """Delete the person's rows everywhere, and the space they took; how many, by table (releases by subject).

    Waits for publications under way, which may not know yet that the person is erased.
    """
    removed: Counter[str] = Counter()
    touched = []
    try:
        for subject in PUBLISHED:
            # Whoever holds this lock read the list of erased customers after it was extended, or is done.
            with connection.transaction():
                begin(connection, subject)
        for schema, table, owner in _tables(connection):
            if count := _delete(connection, (schema, table), owner, customer):
                removed[RELEASE_ENDING.sub("", table)] += count
                touched.append((schema, table))
    except errors.InsufficientPrivilege as error:
        raise UserError(
            f"The database role {connection.info.user} may not erase: {error.diag.message_primary}.",
            "Connect as the owner of the schemas.",
            code="database.rights",
        ) from error
    for schema, table in touched:
        try:
            # Until then the deleted rows still lie in the files of the server.
            connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier(schema, table)))
        except psycopg.errors.LockNotAvailable:
            continue
    return removed


def count_rows(connection: ServingConnection, customer: int | str) -> Counter[str]:
    """What a search of every table finds of the person."""
    found: Counter[str] = Counter()
    for schema, table, _ in _tables(connection):
        query = sql.SQL("SELECT count(*) FROM {} WHERE customer_id = %s").format(sql.Identifier(schema, table))
        if count := one(connection, query, [customer]):
            found[RELEASE_ENDING.sub("", table)] += count
    return found


def write_receipt(connection: ServingConnection, digest: bytes, removed: Counter[str], verified: bool | None) -> int:
    """Record an erasure; the number of its receipt."""
    insert = "INSERT INTO {meta}.erasures (customer_hash, removed, verified) VALUES (%s, %s, %s) RETURNING receipt_id"
    facts = [digest, Jsonb(dict(removed)), verified]
    with connection.transaction():
        act_as_owner(connection)
        return int(one(connection, insert, facts))


def _delete(connection: ServingConnection, table: tuple[str, str], owner: str, customer: int | str) -> int:
    """Delete the person's rows as the owner of the table: what hangs on it gets no greater rights than it had."""
    delete = sql.SQL("DELETE FROM {} WHERE customer_id = %s").format(sql.Identifier(*table))
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))
        return connection.execute(delete, [customer]).rowcount


def _tables(connection: ServingConnection) -> list[tuple[str, str, str]]:
    """Schema, name and owner of every table with customers."""
    query = """
        SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner)
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'customer_id' AND NOT a.attisdropped
        WHERE n.nspname = ANY (%(schemas)s) AND c.relkind = 'r'
        ORDER BY 1, 2
    """
    schemas = connection.schemas
    return connection.execute(query, {"schemas": [schemas.ml, schemas.store, schemas.meta]}).fetchall()

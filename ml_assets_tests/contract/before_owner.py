"""A database as it was before there was an owner: the writer owned the lists, the connecting role everything else."""

from psycopg import sql

from ml_assets.contract.owner import OWNED
from ml_assets.database.connection import ServingConnection


def hand_back(connection: ServingConnection) -> None:
    """Make a database old; what every command brings up to date again."""
    schemas = connection.schemas
    names = {"schemas": [schemas.ml, schemas.store, schemas.meta]}
    for kind, name, _ in connection.execute(sql.SQL(OWNED), names).fetchall():
        is_list = kind == "TABLE" and name.startswith(f"{schemas.store}.")
        owner = sql.Identifier(schemas.writer if is_list else connection.info.user)
        connection.execute(sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(kind), sql.SQL(name), owner))
    connection.execute(
        schemas.sql(
            "GRANT CREATE ON SCHEMA {store} TO {writer};"
            "GRANT SELECT ON ALL TABLES IN SCHEMA {store} TO CURRENT_USER;"
            "GRANT SELECT ON ALL TABLES IN SCHEMA {meta} TO {writer};"
            "GRANT INSERT, UPDATE ON {meta}.live_history, {meta}.models, {meta}.erasures TO {writer};"
            "DROP TABLE {meta}.turns;"
            "DELETE FROM {meta}.migrations WHERE number = 3;"
            "UPDATE {meta}.objects SET hash = '';"
            "UPDATE {meta}.roles SET note = 'exists and has its grants';"
            "DELETE FROM {meta}.roles WHERE role = {owner_name}",
            owner_name=sql.Literal(schemas.owner),
        )
    )

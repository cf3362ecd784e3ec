"""A shop's PostgreSQL that nobody has described yet: its tables, samples of those that may be of use, and the rights.

Choosing among its tables belongs here, and saying in its own SQL what was guessed; guessing is done in `propose.py`.
Nothing is written, and the address, which holds the password, goes into no text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ml_assets.errors import UserError
from ml_assets.settings.source import FilesSource, PostgresSource
from ml_assets.sources.columns import Reading
from ml_assets.sources.guess.columns import Choice, guess_columns
from ml_assets.sources.guess.in_sql import as_written, grants, in_sql, indexed, is_change, joined, quoted_here
from ml_assets.sources.guess.lacking import WORDS, is_lacking
from ml_assets.sources.guess.names import NAMES, ORDERS, is_past, rank, words_of
from ml_assets.sources.guess.proposal import Doubt, Proposal
from ml_assets.sources.guess.tables import SAMPLE, Table
from ml_assets.sources.postgres.query import TIMES
from ml_assets.sources.postgres.tables import Listed, ShopTables
from ml_assets.sources.relations import is_query

TABLE_STEP = (
    "Give --table the name of a table or view that the role may read, with its schema (sales.order_lines), or a query "
    "that begins with SELECT or WITH."
)
SCHEMES = ("postgres://", "postgresql://", "postgresql+")
ROLE = "ml_assets_source"
"""What the least role is called in what is shown; nobody has it before."""
# Of a shop's hundreds of tables; those whose columns are called like anything of an order are looked at.
MOST_LOOKED_AT = 20


def is_postgres(given: str) -> bool:
    """Whether `--from` is the address of a PostgreSQL."""
    return given.startswith(SCHEMES)


class PostgresShop:
    """The database at an address; `table` is what the user says the lines are, a table, view or query."""

    def __init__(self, url: str, table: str | None) -> None:
        self._url = url
        self._given = table
        self._there = ShopTables(url)

    def tables(self, settings: FilesSource, reading: Reading) -> list[Table]:
        """Those that may hold lines, orders or items, with a sample; raises `UserError` where there are none."""
        try:
            return self._tables(settings, reading)
        except UserError as error:
            if error.code == "source.unreadable" and self._given:
                problem = error.problem.replace("source.table", "--table", 1)
                raise UserError(problem, TABLE_STEP, code=error.code) from None
            if error.code != "database.unreachable":
                raise
            step = "Check the address given as --from, and that the server lets this machine and role in."
            raise UserError(error.problem, step, code=error.code) from None

    def _tables(self, settings: FilesSource, reading: Reading) -> list[Table]:
        if self._given:
            return [self._table(self._given, "", settings, reading)]
        readable = [one for one in self._there.listed if one.may_read]
        ranked = sorted(readable, key=lambda one: (-_fields(one.columns), one.name))
        wanted = [one for one in ranked if _fields(one.columns) > 1][:MOST_LOOKED_AT]
        # Whatever their columns are called, the orders of the lines are what these refer to.
        referred = {name for one in wanted for name in self._there.referred(one.name).values()}
        wanted += [one for one in ranked if one.name in referred and one not in wanted]
        found = [self._table(one.name, one.words, settings, reading) for one in wanted]
        found = [table for table in found if not table.sample.is_empty()]
        if not found:
            raise self._nothing_found(wanted)
        return found

    def _nothing_found(self, wanted: Sequence[Listed]) -> UserError:
        closed = [one for one in self._there.listed if not one.may_read]
        likely = sorted(closed, key=lambda one: -_fields(one.columns))[:5]
        if wanted:
            names = ", ".join(one.name for one in wanted)
            return UserError(
                f"No table of the database has lines: {names} are empty.",
                "Give the address of the database with the shop's orders.",
                code="source.unreadable",
            )
        if likely:
            closest = [one.name for one in likely]
            rights = " ".join(grants(closest, self._there.role))
            return UserError(
                f"The role {self._there.role} may read no table with orders; there are {', '.join(closest)}.",
                f"Let it read those with the orders, as their owner: {rights} Or give the address of another role.",
                code="source.unreadable",
            )
        return UserError(
            f"The database has no table that looks like orders (it has {len(self._there.listed)} tables).",
            "Name a table, view or query with one line per item of an order: --table sales.order_lines, or "
            "--table 'SELECT ... FROM ... JOIN ...'.",
            code="source.unreadable",
        )

    def _table(self, name: str, words: str, settings: FilesSource, reading: Reading) -> Table:
        sample = self._there.sample(name, SAMPLE)
        look = Table(
            [name], sample, f"PostgreSQL, {words or 'as given'}", reading, settings=settings,
            asked=lambda column, values: self._there.with_values(name, column, values),
        )  # fmt: skip
        return replace(look, guessed=guess_columns(sample, reading))

    def described(self, found: Proposal) -> Proposal:
        """The proposal in PostgreSQL's SQL, with the rights that reading takes and what else is to be known."""
        lines, orders = found.events, found.source["orders"].text if "orders" in found.source else None
        used = [lines, *([orders] if orders else [])]
        doubts = (*found.doubts, *self._closed_beside(found))
        if orders:
            found = replace(found, events=self._joined(found))
        used += [found.source["items"].text] if "items" in found.source else []
        kinds = self._there.types(found.events)
        known = {name: choice for name, choice in found.source.items() if name in PostgresSource.model_fields}
        if changed := [name for name in kinds if is_change(name) and kinds[name] in TIMES]:
            text = changed[0] if len(changed) == 1 else f"greatest({', '.join(map(quoted_here, changed))})"
            known["updated_at"] = Choice(text, "by its newest value a day corrections are found")
        known["statement_timeout"] = Choice("30m", "a statement that takes longer is cancelled")
        if "where" in known:
            known["where"] = in_sql("where", known["where"], kinds)
        columns = {name: in_sql(name, choice, kinds) for name, choice in found.columns.items()}
        structured = {name: value for name, value in found.structured.items() if name in PostgresSource.model_fields}
        found = replace(
            found, kind="postgres", url=self._url, columns=columns, source=known, structured=structured,
            left_alone=tuple(name for name in found.left_alone if name not in used),
        )  # fmt: skip
        advice = (*found.advice, *self._advice(used), *self._index(found, lines, orders))
        return replace(found, advice=advice, doubts=doubts)

    def _joined(self, found: Proposal) -> str:
        """Lines with the columns of their orders, each under the name that it was guessed by."""
        lines, orders = found.events, found.source["orders"].text
        line_key, _, order_key = (part.strip() for part in found.source["orders_on"].text.partition("="))
        have, added = (list(self._there.types(name)) for name in (lines, orders))
        return joined(lines, orders, (line_key, order_key or line_key), have, added)

    def _advice(self, used: Sequence[str]) -> Iterator[str]:
        there = self._there
        yield f"The address is not written here: it goes into the variable ML_ASSETS_SOURCE__URL ({there.address})."
        yield f"The least that a role of its own needs, here called {ROLE}, given by the owner of the tables:"
        yield f"  CREATE ROLE {ROLE} LOGIN;  -- and its password: \\password {ROLE}"
        relations = [one for name in used for one in (there.tables_of(name) if is_query(name) else [name])]
        yield from (f"  {line}" for line in grants(relations, ROLE))

    def _index(self, found: Proposal, lines: str, orders: str | None) -> Iterator[str]:
        time = found.columns["time"].text if "time" in found.columns else ""
        place = indexed(time, lines, orders, self._there.types)
        if place and self._there.lacks_index(*place):
            table, column = place
            yield f"No index begins with {column}, by which each day is read: large tables should have one."
            yield f"  CREATE INDEX CONCURRENTLY ON {as_written(table)} ({quoted_here(column)});"

    def _closed_beside(self, found: Proposal) -> Iterator[Doubt]:
        """The orders that the role may not read, where the lines alone do not say who bought or when."""
        lacking = [WORDS[name] for name in ("customer", "time") if is_lacking(found, name)]
        if not lacking or is_query(found.events):
            return
        closed = {one.name: one for one in self._there.listed if not one.may_read and _may_be_orders(one.columns)}
        by_key = {name: column for column, name in self._there.referred(found.events).items() if name in closed}
        named = [name for name in closed if set(words_of(name.rpartition(".")[2])) & {*ORDERS, "orders"}]
        for name in by_key or named[:1]:
            of = f", to which {by_key[name]} of {found.events} refers" if by_key else ""
            yield Doubt(
                f"The role {self._there.role} may not read {name}{of}; {' and '.join(lacking)} may stand there.",
                f"Let it read it, as its owner: {' '.join(grants([name], self._there.role))} Then run init again.",
            )


def _may_be_orders(columns: Sequence[str]) -> bool:
    named = (rank(field, column) for field in ("customer", "time") for column in columns)
    return any(map(is_past, columns)) or any(place is not None for place in named)


def _fields(columns: Sequence[str]) -> int:
    """How many fields of lines, orders or a catalogue the columns are called like."""
    dated = not any(rank("time", column) is not None for column in columns) and any(map(is_past, columns))
    return dated + sum(any(rank(field, column) is not None for column in columns) for field in NAMES)

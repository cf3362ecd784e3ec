"""Lists of some customers that take the place of theirs in the live release, inside its day.

Judging, loading and showing them belongs here, in one transaction: readers see the lists before or those after. What
was shown until then stays readable in the past, and can be shown again. Making lists is not done here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

import polars as pl
from psycopg.types.json import Jsonb

from ml_assets.books.erased import without_erased
from ml_assets.database.ask import id_types, one, one_row
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError, require_reason
from ml_assets.releases.catalog import Live, live_release
from ml_assets.releases.dimensions import upsert_items
from ml_assets.releases.gates.candidate import Candidate
from ml_assets.releases.gates.gates import judge
from ml_assets.releases.gates.live_sample import sample_live
from ml_assets.releases.gates.shown_lists import sample_of
from ml_assets.releases.gates.unavailable import unavailable_share
from ml_assets.releases.partition import load_rows
from ml_assets.releases.pointer import begin
from ml_assets.releases.publish import storage_faults
from ml_assets.releases.rows import ReleaseRows, checked
from ml_assets.settings.serving import GateSettings
from ml_assets.subjects import PUBLISHED

SUBJECT = "recommendations"
LOADED = "rescored_recommendations"


@dataclass(frozen=True)
class Rescored:
    """Lists that were made anew, and the events behind them."""

    release_id: int
    """Whose lists they take the place of."""
    customers: pl.Series
    """All whose lists are replaced, in every placement; who has none in `lists` has none any more."""
    lists: pl.DataFrame
    """The columns of recommendations, one row per customer and placement."""
    known: pl.DataFrame
    """customer_id and `known` (Int64), of those of the customers with purchases newer than the release."""
    began_at: datetime
    events_from: date
    """First day of the events that the release does not know."""
    events_until: datetime | None
    """Time of the newest of them; None where there are none."""
    events: int
    model_version: str
    run_id: str | None = None
    items: pl.DataFrame | None = None
    """Of the catalogue, items whose names are to be taken over."""
    best_sellers: frozenset[str] = frozenset()
    gates: GateSettings = field(default_factory=GateSettings)


@dataclass(frozen=True)
class Rescoring:
    """What became of them."""

    rescoring_id: int | None
    state: Literal["shown", "refused", "moved"]
    """moved: another release went live meanwhile, or the pointer was pinned; nothing was changed."""
    lists: int
    reason: str | None = None
    """Which gates they fail, in plain sentences."""


@dataclass(frozen=True)
class Undone:
    """Lists that are shown again as they were published."""

    release_id: int
    day: date
    customers: int


def show_rescored(connection: ServingConnection, new: Rescored) -> Rescoring:
    """Show the lists where they pass the gates and their release is still live and not pinned.

    Waits while another publishes. Raises `UserError` for frames that cannot be stored at all.
    """
    table = PUBLISHED[SUBJECT]
    lists = checked(table, new.lists, id_types(connection))
    with storage_faults(SUBJECT), connection.transaction():
        begin(connection, SUBJECT)
        live = live_release(connection, SUBJECT)
        if live is None or live.release_id != new.release_id or live.pinned:
            return Rescoring(None, "moved", 0)
        # Under the lock: an erasure waits for those who began before it.
        new = replace(
            new,
            lists=without_erased(connection, lists),
            known=without_erased(connection, new.known),
            customers=without_erased(connection, new.customers.to_frame("customer_id"))["customer_id"],
        )
        wrong, facts = _judged(connection, new, live)
        if wrong:
            return Rescoring(_note_refusal(connection, new, wrong, facts), "refused", 0, wrong)
        return _shown(connection, new, facts)


def _shown(connection: ServingConnection, new: Rescored, facts: dict[str, float]) -> Rescoring:
    known = "SELECT source_words, reason_words FROM {meta}.releases WHERE release_id = %s"
    words = one_row(connection, known, [new.release_id])
    lists, (sources, reasons) = _in_words_of(new.lists, dict(zip(("sources", "reason_codes"), words, strict=True)))
    connection.execute(connection.schemas.sql("SELECT {meta}.begin_rescoring(%s)"), [new.release_id])
    load_rows(connection, LOADED, ReleaseRows(PUBLISHED[SUBJECT], lists), readers=None)
    if new.items is not None:
        upsert_items(connection, new.items)
    kind = id_types(connection).customer
    forgets = new.customers.filter(~new.customers.is_in(new.known["customer_id"].implode()))
    values = {
        "release": new.release_id,
        "customers": new.customers.to_list(),
        "knows": new.known["customer_id"].to_list(),
        "known": new.known["known"].to_list(),
        "forgets": forgets.to_list(),
        "sources": sources,
        "reasons": reasons,
        "note": Jsonb(_note(new) | {"facts": facts}),
    }
    show = f"""
        SELECT {{meta}}.show_rescored(%(release)s, %(customers)s::{kind}[], %(knows)s::{kind}[], %(known)s::bigint[],
            %(forgets)s::{kind}[], %(sources)s::text[], %(reasons)s::text[], %(note)s)
    """
    return Rescoring(int(one(connection, show, values)), "shown", lists.height)


def _in_words_of(
    lists: pl.DataFrame, known: dict[str, Sequence[str]]
) -> tuple[pl.DataFrame, tuple[list[str], list[str]]]:
    """The lists with their words counted as the release counts its own; words that it has not come after those."""
    found = []
    for column, words in known.items():
        texts = lists[column].cast(pl.List(pl.String))
        new = set(texts.explode(empty_as_null=False).drop_nulls()) - set(words)
        found.append([*words, *sorted(new)])
        lists = lists.with_columns(texts.cast(pl.List(pl.Enum(found[-1]))).alias(column))
    return lists, (found[0], found[1])


def _judged(connection: ServingConnection, new: Rescored, live: Live) -> tuple[str | None, dict[str, float]]:
    """Why the lists may not be shown, and what was measured."""
    share, most = len(new.customers) / max(live.keys, 1), new.gates.most_rescored
    facts = {"rescored": share}
    if live.keys >= new.gates.judge_from and share > most:
        words = f"{share:.0%} of the customers of the release would get other lists, more than {most:.0%} at once."
        return f"{words} The daily run makes all anew.", facts
    if new.lists.is_empty():
        return None, facts
    table, lists = PUBLISHED[SUBJECT], sample_of(new.lists, live.k)
    enough = new.known.height >= new.gates.judge_from
    judged = judge(
        Candidate(
            table,
            new.lists,
            lists,
            active=new.known["customer_id"] if enough else None,
            best_sellers=new.best_sellers,
            limits=new.gates,
            # Of the same customers; how many others there are is no measure for them.
            live=replace(sample_live(connection, table, live, new.lists), keys=0),
            unavailable_share=unavailable_share(connection, lists.items()),
        )
    )
    return judged.reason, facts | judged.facts


def _note(new: Rescored) -> dict[str, object]:
    return {
        "began_at": new.began_at.isoformat(),
        "events_from": new.events_from.isoformat(),
        "events_until": None if new.events_until is None else new.events_until.isoformat(),
        "events": new.events,
        "model_version": new.model_version,
        "run_id": new.run_id,
    }


def _note_refusal(connection: ServingConnection, new: Rescored, wrong: str, facts: dict[str, float]) -> int:
    insert = """
        INSERT INTO {meta}.rescorings (release_id, state, began_at, events_from, events_until, events, customers,
            model_version, run_id, reason, facts)
        VALUES (%(release_id)s, 'refused', %(began_at)s, %(events_from)s, %(events_until)s, %(events)s, %(customers)s,
            %(model_version)s, %(run_id)s, %(reason)s, %(facts)s)
        RETURNING rescoring_id
    """
    row = _note(new) | {"release_id": new.release_id, "customers": len(new.customers)}
    return int(one(connection, insert, row | {"reason": wrong, "facts": Jsonb(facts)}))


def undo_rescorings(connection: ServingConnection, subject: str, *, reason: str) -> Undone:
    """Show the lists of the live release as they were published, and pin it: neither lists nor releases follow.

    Raises `UserError` where none of its lists was made anew.
    """
    require_reason(reason, "A move of what readers see")
    if subject != SUBJECT:
        raise UserError(
            f"Nothing of {subject} is made anew inside the day.",
            f"`ml-assets rollback {subject}` shows an earlier release.",
            code="release.refused",
        )
    with connection.transaction():
        begin(connection, subject)
        live = live_release(connection, subject)
        marked = "SELECT EXISTS (SELECT FROM {meta}.rescorings WHERE release_id = %s AND state = 'shown')"
        if live is None or not one(connection, marked, [live.release_id]):
            raise UserError(
                f"No list of the live release of {subject} was made anew since it was published.",
                f"`ml-assets rollback {subject}` shows an earlier release.",
                code="release.refused",
            )
        undo = "SELECT {meta}.undo_rescorings(%s, %s)"
        customers = int(one(connection, undo, [live.release_id, reason]))
        connection.execute(connection.schemas.sql("SELECT {meta}.pin_live(%s, %s)"), [subject, reason])
    return Undone(live.release_id, live.day, customers)

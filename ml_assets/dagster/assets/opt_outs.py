"""The asset of the shop's own list of opt-outs: read before anything personal is published.

Where the list cannot be read, everybody stays opted out who was, and a check and an alert say so; before it was ever
read nothing personal is published at all.
"""

from datetime import datetime

import dagster as dg

from ml_assets.books.opt_outs import OPT_OUTS, Taken, last_reading, take_opt_outs
from ml_assets.books.unread import note_read, note_unread
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.shop import Shop
from ml_assets.errors import UserError
from ml_assets.settings.opt_outs import OptOutSettings
from ml_assets.sources.base import EventSource
from ml_assets.sources.opt_outs import OptOutList, read_opt_outs

NAME = "opt_outs"
IS_READ = "list_is_read"
TOLD = "opt_outs_in_words"
LET_THEM_BACK = "Where they did come back, run once with ML_ASSETS_OPT_OUTS__MOST_RETURNING=1."


def build_opt_outs(shop: Shop) -> list[dg.AssetsDefinition]:
    """opt_outs, where the shop has a list."""
    wanted = shop.settings.opt_outs
    if wanted is None:
        return []

    @shop.asset(
        "raw",
        {"postgres"},
        check_specs=[
            dg.AssetCheckSpec(
                IS_READ,
                asset=shop.key(NAME),
                description="The shop's list was read, and did not let too many back in at once.",
            )
        ],
    )
    def opt_outs(
        source: dg.ResourceParam[EventSource], serving: dg.ResourceParam[ServingDatabase]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """Customers who want nothing personal, by the shop's own list."""
        today = datetime.now(shop.settings.tz).date()
        with serving.connect() as connection:
            try:
                found = read_opt_outs(shop.settings, source.id_types().customer, today=today)
            except UserError as error:
                before = last_reading(connection)
                if before is None:
                    raise UserError(
                        f"{error.problem} Nothing personal is published before it was read.",
                        error.next_step,
                        code=error.code,
                    ) from error
                problem = _unread(error, before, shop)
                note_unread(connection, OPT_OUTS, problem, error.next_step)
                return _result(shop, {"customers": before[1]}, "", f"{problem} {error.next_step}")
            taken = take_opt_outs(connection, found.customers, most_returning=wanted.most_returning)
            if taken.held_back:
                note_unread(connection, OPT_OUTS, _held_back(taken), LET_THEM_BACK)
            else:
                note_read(connection, OPT_OUTS)
        problem = f"{_held_back(taken)} {LET_THEM_BACK}" if taken.held_back else ""
        facts = {"customers": taken.customers, "added": taken.added, "returned": taken.returned, "lines": found.lines}
        return _result(shop, facts, _in_words(taken, found, wanted), problem)

    return [opt_outs]


def _result(shop: Shop, facts: dict[str, int], told: str, problem: str) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        metadata={**facts, **({TOLD: told} if told else {})},
        check_results=[
            dg.AssetCheckResult(
                check_name=IS_READ,
                asset_key=shop.key(NAME),
                passed=not problem,
                severity=dg.AssetCheckSeverity.ERROR,
                description=problem or f"{facts['customers']:,} customers opted out.",
            )
        ],
    )


def _unread(error: UserError, before: tuple[datetime, int], shop: Shop) -> str:
    read_at, customers = before
    when = f"{read_at.astimezone(shop.settings.tz):%Y-%m-%d %H:%M}"
    return (
        f"Who opted out could not be read: {error.problem} The {customers:,} customers of the list of {when} stay "
        "opted out; whoever opted out since is not known."
    )


def _held_back(taken: Taken) -> str:
    return (
        f"{taken.held_back:,} customers are gone from the list of opt-outs at once, which is taken for a broken list: "
        "they stay opted out, and new ones count."
    )


def _in_words(taken: Taken, found: OptOutList, wanted: OptOutSettings) -> str:
    """What changed, and what was not understood; nothing where all is as it was."""
    words = []
    if taken.added or taken.returned:
        words.append(f"{taken.customers:,} customers opted out ({taken.added:,} new, {taken.returned:,} back)")
    if found.unreadable:
        words.append(f"{found.unreadable:,} of {found.lines:,} lines of opt_outs have no customer's id of this shop")
    if found.unknown:
        odd = f"{wanted.columns.consent} is neither yes nor no ({', '.join(found.unknown)})"
        words.append(f"{odd}: taken as no; opt_outs.no says otherwise")
    return "; ".join(words)

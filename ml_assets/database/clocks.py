"""The clock of this machine beside that of the database's server.

Which day is over is decided by the one, how old data is by the other: where they differ, a day would be taken as over
that is not, or freshness would be judged by another time than days are.
"""

from datetime import UTC, datetime, timedelta

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError

# Less than any two time zones are apart, in case one is set to local time; more than clocks drift.
MOST_APART = timedelta(minutes=20)


def refuse_other_clock(connection: ServingConnection) -> None:
    """Raise `UserError` where the two clocks tell different times."""
    theirs = one(connection, "SELECT clock_timestamp()").astimezone(UTC)
    ours = datetime.now(UTC)
    if abs(theirs - ours) > MOST_APART:
        raise UserError(
            f"This machine's clock says {ours:%Y-%m-%d %H:%M} UTC, that of the database's server "
            f"{theirs:%Y-%m-%d %H:%M}.",
            "Set the one that is wrong (NTP does it by itself): which days are over and how old data is hang on both.",
            code="clock.wrong",
        )

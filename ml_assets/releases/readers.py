"""Whether the releases of a shop are being read at the moment, as PostgreSQL counts it.

Every read of `ml.*` looks its release up, so the scans of that one small table are the reads. Sessions report
what they have counted once a second, when their transaction ends; what this session itself reads in the transaction
that is open is not among it. Reads on a standby are not seen, and need not be.
"""

import time

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection

# Shorter, and readers may not have reported yet; much longer, and those who came would wait for it.
SECONDS_BETWEEN_LOOKS = 1.5
# Sensors and people looking around are fewer.
LEAST_PER_SECOND = 2.0


class Readers:
    """Those who read besides this session; looked for again from time to time."""

    def __init__(self, connection: ServingConnection) -> None:
        self._connection = connection
        self._reads, self._at = self._look(), time.monotonic()
        self._busy = False

    def are_busy(self) -> bool:
        """Whether somebody read steadily before the last look, which is made here when it is due."""
        seconds = time.monotonic() - self._at
        if seconds >= SECONDS_BETWEEN_LOOKS:
            reads = self._look()
            self._busy = reads - self._reads >= LEAST_PER_SECOND * seconds
            self._reads, self._at = reads, time.monotonic()
        return self._busy

    def _look(self) -> int:
        # Within a transaction statistics stay as they were first seen.
        self._connection.execute("SELECT pg_stat_clear_snapshot()")
        scans = "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_all_tables WHERE schemaname = %s AND relname = %s"
        return int(one(self._connection, scans, [self._connection.schemas.meta, "releases"]))

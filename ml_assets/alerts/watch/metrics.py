"""Ages and states in Prometheus' words, for a textfile or an endpoint.

Only the translation belongs here; the numbers are those of `ml.freshness` and of the last evaluation.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from ml_assets.alerts.incident import Incident
from ml_assets.books.activity import Activity
from ml_assets.books.freshness import Freshness
from ml_assets.errors import UserError

STATES = {"fresh": 0, "warn": 1, "stale": 2, "missing": 3}


class Metrics:
    """The gauges of one shop."""

    def __init__(self, shop: str) -> None:
        self.registry = CollectorRegistry()
        self._shop = shop or "default"
        subject = ("shop", "subject", "kind")
        self._age = self._gauge("age_seconds", "Time since the end of the newest day contained.", *subject)
        self._limit = self._gauge("stale_after_seconds", "Age at which the subject is stale.", *subject)
        self._status = self._gauge("status", "0 fresh, 1 warn, 2 stale, 3 missing.", *subject)
        self._rows = self._gauge("rows", "Rows of the newest day of data; live rows of predictions.", *subject)
        self._usual = self._gauge("usual_rows", "Median of the same weekday in the weeks before.", *subject)
        self._run_end = self._gauge("last_run_timestamp_seconds", "When the newest run of a job ended.", "shop", "job")
        self._run_cost = self._gauge("last_run_duration_seconds", "How long it worked.", "shop", "job")
        self._run_ok = self._gauge("last_run_success", "1 where it succeeded, else 0.", "shop", "job")
        self._incidents = self._gauge("incidents_open", "Open incidents.", "shop", "severity")
        self._undelivered = self._gauge("alerts_undelivered", "Messages not yet delivered.", "shop")
        self._up = self._gauge("database_up", "Whether the database answered.", "shop")
        self._evaluated = self._gauge("evaluation_timestamp_seconds", "When things were last judged.", "shop")
        self._cost = self._gauge("evaluation_duration_seconds", "How long judging took.", "shop")

    def show(
        self,
        rows: Sequence[Freshness],
        incidents: Sequence[Incident],
        activity: Activity,
        *,
        undelivered: int,
        at: datetime,
        took: float,
    ) -> None:
        """Take over the result of an evaluation."""
        for run in activity.runs:
            self._run_end.labels(self._shop, run.job).set(run.ended_at)
            self._run_cost.labels(self._shop, run.job).set(run.seconds)
            self._run_ok.labels(self._shop, run.job).set(run.succeeded)
        for row in rows:
            labels = (self._shop, row.subject, row.kind)
            self._status.labels(*labels).set(STATES[row.status])
            limit = row.error_after
            if row.age is not None:
                self._age.labels(*labels).set(row.age.total_seconds())
                # With closed days, of which a policy in hours does not know.
                limit = row.stale_at - (at - row.age) if row.stale_at else limit
            self._limit.labels(*labels).set(limit.total_seconds())
            rows_of = activity.live_rows.get(row.subject, row.row_count)
            for gauge, count in ((self._rows, rows_of), (self._usual, row.usual_row_count)):
                if count is not None:
                    gauge.labels(*labels).set(count)
        for severity in ("warning", "error"):
            count = sum(incident.severity == severity for incident in incidents)
            self._incidents.labels(self._shop, severity).set(count)
        self._undelivered.labels(self._shop).set(undelivered)
        self._up.labels(self._shop).set(1)
        self._evaluated.labels(self._shop).set(at.timestamp())
        self._cost.labels(self._shop).set(took)

    def show_outage(self) -> None:
        """The database did not answer; the ages stay as they were last known."""
        self._up.labels(self._shop).set(0)

    def write(self, path: Path) -> None:
        """Write the textfile, whole or not at all."""
        try:
            write_to_textfile(str(path), self.registry)
        except OSError as error:
            raise UserError(
                f"--textfile {path} cannot be written: {error.strerror}.", "Name a file in a folder that is writable."
            ) from None

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"ml_assets_{name}", what, labels, registry=self.registry)

"""What incidents can be about: the names that routes, owners and quiet hours may use.

Only names belong here; a test holds them to the assets, jobs, schedules and sensors that there are.
"""

from collections.abc import Collection
from difflib import get_close_matches

from ml_assets.subjects import ARM_LISTS, PUBLISHED, SUBJECTS

# Assets that have checks without being subjects of `ml.freshness`.
CHECKED = (
    "quarantined_transactions",
    "customer_value",
    "opt_outs",
    "experiment_outcomes",
    "live_quality",
    *(table.asset for table in PUBLISHED.values()),
)
JOBS = ("load_days", "daily_scoring", "weekly_training", "rebuild", "weekly_report", "since_last")
INSTIGATORS = (
    "daily_scoring_schedule",
    "weekly_training_schedule",
    "weekly_report_schedule",
    "since_last_schedule",
    "source_changes",
    "retraining",
    "alerts",
)
ROUTABLE = (*SUBJECTS, ARM_LISTS.name, *CHECKED, *JOBS, *INSTIGATORS, "dagster", "database")


def refuse_unknown(where: str, names: Collection[str], known: Collection[str], *, what: str) -> None:
    """Raise where one of the names is none of those known, with the nearest and all of them."""
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"{where}: {name} is no {what}; {meant}There are: {', '.join(known) or 'none'}")

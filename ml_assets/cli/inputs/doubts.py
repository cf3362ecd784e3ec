"""What makes proposed settings likely wrong, judged by what they read, and what to set instead."""

from collections.abc import Iterator

from ml_assets.events.contract import CheckedLines
from ml_assets.events.garbage import GUEST, ORDINARY, SETTINGS
from ml_assets.sources.guess.columns import NOTHING
from ml_assets.sources.guess.proposal import Doubt, Proposal
from ml_assets.sources.guess.trial import Trial

ASKED = "as you say"
"""The reason for what the user says."""
# Of the lines that are not left out: fewer that fit the contract are no wrong lines, but a wrong column.
ENOUGH = 0.5
# Lines without a customer are usual, but not nearly all of them.
FEWEST_CUSTOMERS = 0.1
OPTION = "source.columns."


def doubts_about(found: Proposal, trial: Trial, checked: CheckedLines) -> list[Doubt]:
    """Why the proposal is likely wrong, the gravest first; empty where nothing speaks against it."""
    # What the user says of customers and times, lacking orders or not, is no doubt.
    said = any(found.columns[name].why == ASKED for name in ("customer", "time"))
    return [*([] if said else found.doubts), *_of_lines(found, checked), *_of_days(found, trial), *_of_gaps(found)]


def _of_lines(found: Proposal, checked: CheckedLines) -> Iterator[Doubt]:
    counted = dict(checked.quarantined["reason"].value_counts(sort=True).iter_rows())
    lines = checked.read - counted.get("left_out", 0)
    refused = {reason: count for reason, count in counted.items() if reason not in ORDINARY}
    if lines and sum(refused.values()) > (1 - ENOUGH) * lines:
        reason = next(iter(refused))
        setting = SETTINGS.get(reason, "source.columns")
        field = setting.partition(OPTION)[2].split(",")[0].split(" ")[0] if OPTION in setting else ""
        taken = f" ({field} is {found.columns[field].text})" if field in found.columns else ""
        yield Doubt(
            f"Only {checked.valid.height:,} of {lines:,} lines can be used: {refused[reason]:,} are {reason}{taken}.",
            f"Set {setting}" + (f": --column {field}=COLUMN of this command says it." if field else "."),
        )
    elif lines and not checked.valid.height and not counted.get(GUEST):
        yield Doubt("No line is left of those looked at.", "Set source.where and events.return_types: see the reasons.")
    elif lines and checked.valid.height < FEWEST_CUSTOMERS * lines and counted.get(GUEST):
        yield Doubt(
            f"Only {checked.valid.height:,} of {lines:,} lines have a customer ({found.columns['customer'].text}).",
            "Say which column has it: --column customer=COLUMN; where the shop knows no customers, "
            "--column customer=null.",
        )


def _of_days(found: Proposal, trial: Trial) -> Iterator[Doubt]:
    time = found.columns["time"]
    if trial.first == trial.last and time.why != ASKED:
        yield Doubt(
            f"All lines lie on one day, {trial.first} (time is {time.text}): no list can be learnt of that.",
            "Say which column has the time of the purchase: --column time=COLUMN. Where the data are of one day "
            "indeed, give more of them.",
        )


def _of_gaps(found: Proposal) -> Iterator[Doubt]:
    for field, columns in found.candidates.items():
        choice = found.columns[field]
        if choice.text == NOTHING and choice.why != ASKED:
            yield Doubt(
                f"No column is the {field} by its name, and {', '.join(columns)} may hold it.",
                f"Say which with --column {field}=COLUMN, or --column {field}=null where none does: {choice.why}.",
            )

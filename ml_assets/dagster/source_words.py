"""What `ml-assets run` says of the source: how it is written, how many lines are of guests, and who opted out."""

from collections.abc import Iterator

import dagster as dg

from ml_assets.dagster.assets.opt_outs import TOLD
from ml_assets.dagster.assets.raw import GUESTS
from ml_assets.sources.base import EventSource, HoldsLaterLines
from ml_assets.sources.memory import SourceMemory


def newly_found(source: EventSource, memory: SourceMemory) -> Iterator[str]:
    """How the source is written, as far as that was not said before, and the setting that says otherwise."""
    found, told = source.as_found(), memory.recall("as_found") or {}
    yield from (
        f"found: {words} ({setting} says otherwise)" for setting, words in found.items() if told.get(setting) != words
    )
    if found != told:
        memory.remember(as_found=found)


def guests_among(result: dg.ExecuteInProcessResult, setting: str) -> str | None:
    """How many of the lines that a run loaded have no customer, where some have none."""
    loaded = [one.step_materialization_data.materialization for one in result.get_asset_materialization_events()]
    counts = [one.metadata for one in loaded if GUESTS in one.metadata]
    guests, read = (sum(int(str(one[name].value)) for one in counts) for name in (GUESTS, "lines_read"))
    if not guests:
        return None
    becomes = "left out (events.guests)" if setting == "left_out" else "they teach item models"
    return f"{guests:,} of {read:,} lines are of guests, without a customer: {becomes}"


def opted_out(result: dg.ExecuteInProcessResult) -> str | None:
    """What changed in the shop's list of opt-outs, where something did."""
    loaded = [one.step_materialization_data.materialization for one in result.get_asset_materialization_events()]
    return next((str(one.metadata[TOLD].value) for one in loaded if TOLD in one.metadata), None)


def dated_later(source: EventSource) -> str | None:
    """How many lines wait for their day, where some do."""
    count = source.count_later() if isinstance(source, HoldsLaterLines) else 0
    if not count:
        return None
    lines = "1 line is" if count == 1 else f"{count:,} lines are"
    return f"{lines} dated after today: loaded on that day, and counted nowhere before (`ml-assets doctor` shows some)"

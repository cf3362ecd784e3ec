"""Words on the trials of challengers, below the experiments that `ml-assets experiment list` shows.

How they stand is asked in `live/standing.py`.
"""

from collections.abc import Sequence

from ml_assets.cli.console import OUT
from ml_assets.live.standing import Standing
from ml_assets.settings.shop import Settings


def show_trials(trials: Sequence[Standing], settings: Settings) -> None:
    """A paragraph for each: what is on trial, since when, how it stands, and until when at most."""
    for each in trials:
        since = f"{each.since.astimezone(settings.tz):%Y-%m-%d}"
        shown = f" ({each.experiment})" if each.experiment else ""
        until = f" It ends on {each.ends_at.astimezone(settings.tz):%Y-%m-%d} at the latest." if each.ends_at else ""
        OUT.print(f"[bold]On trial since {since}{shown}:[/bold] {each.words}. {each.verdict}{until}", soft_wrap=True)

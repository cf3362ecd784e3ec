"""`ml-assets models` and `ml-assets promote`: what the registry decided, and overruling it with a reason.

The rule of promotion is in `ml_assets.models.selection`, the registry in `ml_assets.books.models`.
"""

from datetime import date
from typing import Annotated

import typer

from ml_assets.books.models import RegisteredModel, champion, force_promotion, list_models
from ml_assets.books.trials import on_trial
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.methods import NOT_MADE
from ml_assets.models.placements import Filled
from ml_assets.settings.read.load import load_settings
from ml_assets.subjects import MODEL_KINDS

SHOWN = 20
FACTS = (
    "kind",
    "placement",
    "method",
    "version",
    "trained_through",
    "decision",
    "reason",
    "forced_reason",
    "trial_reason",
    "facts",
)


def models(
    every: Annotated[bool, typer.Option("--all", help=f"Every model, not only the newest {SHOWN}.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Which models were trained, whether they were promoted, and why."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        known = [one for kind in MODEL_KINDS for one in list_models(connection, kind)]
        scoring = {
            (one.kind, one.placement): found.version
            for one in known
            if (found := champion(connection, one.kind, date.max, one.placement))
        }
    facts = [
        {name: getattr(one, name) for name in FACTS} | {"scores": scoring.get((one.kind, one.placement)) == one.version}
        for one in known
    ]
    if emit(facts, as_json):
        return 0
    shown = known if every else known[:SHOWN]
    rows = [
        [
            "scores" if scoring.get((one.kind, one.placement)) == one.version else "",
            one.placement or one.kind,
            one.method,
            one.version,
            _decided(one),
            _why(one),
        ]
        for one in shown
    ]
    table("Models, newest first", ["now", "placement", "method", "version", "decision", "why"], rows)
    if len(shown) < len(known):
        OUT.print(f"{len(known) - len(shown)} older models are not shown; --all shows them.\n")
    next_commands(
        config,
        ("ml-assets backtest", "every method on several windows"),
        ("ml-assets promote VERSION PLACEMENT --force 'why'", "let a refused model score"),
    )
    return 0


def _decided(model: RegisteredModel) -> str:
    if model.method == NOT_MADE:
        return "not made"
    return "forced" if model.forced_reason else model.decision.replace("_", " ")


def _why(model: RegisteredModel) -> str:
    """The newest word on it, and what was said before."""
    said = [one for one in (model.forced_reason, model.trial_reason) if one]
    return f"{said[0]} (was: {model.reason})" if said else model.reason


def _before(model: RegisteredModel) -> str:
    if model.decision == "on_trial":
        return f"was on trial: {model.reason}"
    return f"was {model.decision}: {model.trial_reason or model.reason}"


def promote(
    version: Annotated[str, typer.Argument(help="The version, as `ml-assets models` prints it.")],
    placement: Annotated[Filled, typer.Argument(help="The placement that it shall fill.")],
    force: Annotated[str, typer.Option("--force", metavar="REASON", help="Why; it is kept with the model.")],
    config: ConfigOption = None,
) -> int:
    """Let a model score that was refused, is on trial or was dropped.

    The reason is kept in the registry with the name of the role.
    """
    settings = load_settings(config)
    with shop_database(settings) as connection:
        model = force_promotion(connection, version, placement, force)
        scores = champion(connection, "recommender", date.max, placement)
        trials = [one for one in on_trial(connection) if (one.placement, one.method) == (placement, model.method)]
    OUT.print(f"Promoted {version} for {placement}; it {_before(model)}", soft_wrap=True)
    if scores and scores.version != version:
        OUT.print(f"{scores.version} is newer and goes on scoring.", soft_wrap=True)
    if trials:
        OUT.print(
            f"What was trained of {model.method} on newer days stays on trial; `ml-assets experiment list` says how it "
            "stands.",
            soft_wrap=True,
        )
    next_commands(config, ("ml-assets run", "score the newest day with it"), ("ml-assets models", "all models"))
    return 0

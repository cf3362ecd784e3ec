"""`ml-assets experiment`: who is shown what, so that it can be measured what the lists are worth.

The rules of starting and stopping are in `experiments/register.py`, who is counted in `experiments/entrants.py`.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

import polars as pl
import typer
from pydantic import ValidationError

from ml_assets.books.models import list_models
from ml_assets.books.trials import challenger
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.arm_rules import rules_of_arms
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.trials import show_trials
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.experiments.design import Arm, Experiment, is_as_planned
from ml_assets.experiments.entrants import FEATURES, count_customers, enter_customers, require_customers
from ml_assets.experiments.margin_before import with_margin_before
from ml_assets.experiments.register import list_experiments, start, stop
from ml_assets.experiments.tried_rules import require_lists
from ml_assets.lake import Lake
from ml_assets.live.standing import standings
from ml_assets.methods import NOT_MADE
from ml_assets.releases.catalog import live_release
from ml_assets.settings.experiments import LISTS, ExperimentSettings, reserved_name
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

app = typer.Typer(help="Who is shown what, and what came of it.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the experiment.")]
ArmOption = Annotated[
    list[str] | None,
    typer.Option("--arm", metavar="NAME=SHARE[:LIST]", help=f"An arm; the first is the control. Lists: {LISTS}."),
]


@app.command("start")
def start_experiment(
    name: NameArgument,
    arm: ArmOption = None,
    placement: Annotated[str | None, typer.Option("--placement", help="The list that it is about.")] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="Experiments of a layer share no customer.")] = None,
    traffic: Annotated[float | None, typer.Option("--traffic", help="Share of the layer's customers.")] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="Only customers of this segment.")] = None,
    min_orders: Annotated[int | None, typer.Option("--min-orders", help="Only customers with so many.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="The last day.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="What it is to find out.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Start one of `experiments.planned` by its name, or one that the options describe.

    It serves from the next SELECT on; where an arm has a list of its own, from the next day that is run.
    """
    settings = load_settings(config)
    given = {
        "placement": placement,
        "layer": layer,
        "traffic": traffic,
        "segment": segment,
        "min_orders": min_orders,
        "until": until.date() if until else None,
        "note": note,
        "arms": _arms(arm) if arm else None,
    }
    wanted = _wanted(settings, name, {key: value for key, value in given.items() if value is not None})
    with shop_database(settings) as connection:
        features = features_of(connection, settings)

        def judge(new: Experiment) -> None:
            _require_models(connection, new)
            require_customers(connection, new, features)
            require_lists(connection, new, settings.serving.gates.least_length)

        rules = rules_of_arms(connection, settings, name, wanted, config)
        started = start(connection, name, wanted, settings.tz, rules=rules, judge=judge)
        counted = enter_customers(connection, features)
        now = one(connection, "SELECT now()")
    state = started.state(now)
    if emit({"experiment": name, "state": state, "customers": counted.get(name, 0)}, as_json):
        return 0
    if state == "waiting":
        made = ", ".join(arm.name for arm in started.made_arms)
        OUT.print(f"{name} waits for the lists of {made}; it serves once they are published.")
        next_commands(config, ("ml-assets run", "make and publish them"))
        return 0
    OUT.print(f"{name} serves now; {counted[name]:,} customers are counted.")
    next_commands(config, ("ml-assets experiment list", "what runs"))
    return 0


@app.command("stop")
def stop_experiment(
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="WHY", help="Why; it is kept.")],
    config: ConfigOption = None,
) -> int:
    """Stop an experiment: from the next SELECT on everybody sees the live list. It is not started again."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        stopped = stop(connection, name, reason)
    OUT.print(f"Stopped {stopped.name}: {stopped.stopped_reason}")
    next_commands(config, ("ml-assets experiment list", "what still runs"))
    return 0


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """All experiments, their arms, and how many customers are counted in each."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        known = list_experiments(connection)
        counts = count_customers(connection)
        now = one(connection, "SELECT now()")
        trials = standings(connection, settings)
    planned, tried = settings.experiments.planned, {each.experiment: each for each in trials}
    facts = [
        {
            "experiment": each.name,
            "state": each.state(now),
            "placement": each.placement,
            "layer": each.layer,
            "traffic": each.slice_until - each.slice_from,
            "serving_since": each.serving_since,
            "stopped_reason": each.stopped_reason,
            "differs_from_settings": each.name in planned and not is_as_planned(each, planned[each.name]),
            "arms": [
                {"arm": arm.name, "share": arm.share, "list": arm.list, **_counted(counts, each, arm)}
                for arm in each.arms
            ],
            "trial": tried.get(each.name),
        }
        for each in known
    ]
    if emit(facts, as_json):
        return 0
    _show(known, counts, now)
    show_trials(trials, settings)
    for fact in facts:
        if fact["differs_from_settings"] and fact["state"] in ("waiting", "running"):
            name = fact["experiment"]
            OUT.print(
                f"{name} runs as it was started; experiments.planned.{name} says otherwise now, which changes nothing. "
                "Stop it and start another under a new name.",
                soft_wrap=True,
            )
    next_commands(config, ("ml-assets experiment start NAME", "start one of experiments.planned"))
    return 0


def _show(known: list[Experiment], counts: Mapping[tuple[str, str], int], now: datetime) -> None:
    if not known:
        OUT.print("No experiment was ever started.")
        return
    rows = []
    for each in known:
        about = [each.name, each.state(now), each.placement or "every list"]
        rows += [
            [*about, arm.name, f"{arm.share:.0%}", arm.words, f"{counts.get((each.name, arm.name), 0):,}"]
            for arm in each.arms
        ]
    columns = ["experiment", "state", "about", "arm", "share", "sees", "customers"]
    table("Experiments", columns, rows, right=["share", "customers"])


def _counted(counts: Mapping[tuple[str, str], int], experiment: Experiment, arm: Arm) -> dict[str, int]:
    return {"customers": counts.get((experiment.name, arm.name), 0)}


def features_of(connection: ServingConnection, settings: Settings) -> pl.DataFrame | None:
    """What is known of customers as of the day of the live lists; None where that is not in the lake any more."""
    live, lake = live_release(connection, "recommendations"), Lake.of(settings)
    if live is None or not lake.exists("customer_features", live.day):
        return None
    features = lake.read("customer_features", live.day).select(FEATURES)
    return with_margin_before(features, lake, live.day, settings.events.weights)


def _require_models(connection: ServingConnection, experiment: Experiment) -> None:
    """Raise `UserError` where an arm wants a model that the registry does not have for the list."""
    made = [one for one in list_models(connection, "recommender") if one.method != NOT_MADE]
    known = [one.version for one in made if one.placement == experiment.placement]
    for arm in experiment.made_arms:
        kind, _, version = arm.list.partition(":")
        if kind == "challenger" and not challenger(connection, experiment.placement or "", version, date.max):
            raise UserError(
                f"The arm {arm.name} wants the challenger {version}, but none was ever on trial for "
                f"{experiment.placement}.",
                f"method:{version} shows the list of a single method; `ml-assets models` says which are on trial.",
                code="model.missing",
            )
        if kind == "model" and version not in known:
            raise UserError(
                f"The arm {arm.name} wants the model {version}, but no recommender of that version makes "
                f"{experiment.placement}.",
                f"Known are {', '.join(known) or 'none'}; `ml-assets models` lists them.",
                code="model.missing",
            )


def _wanted(settings: Settings, name: str, given: dict[str, Any]) -> ExperimentSettings:
    """The experiment of the settings, or that of the options; never a mixture."""
    planned = settings.experiments.planned
    if given and (reserved := reserved_name(name)):
        raise UserError(f"{reserved[:1].upper()}{reserved[1:]}.", "`ml-assets experiment list` shows all.")
    if not given:
        if name not in planned:
            raise UserError(
                f"There is no experiments.planned.{name} in the settings"
                + (f", only {', '.join(planned)}." if planned else "."),
                f"Describe it there, or with options: ml-assets experiment start {name} --placement for_you "
                "--arm lists=0.5 --arm nothing=0.5:none",
                code="experiment.unknown",
            )
        return planned[name]
    if name in planned:
        raise UserError(
            f"{name} is described in the settings and by options.", "Leave the options out, or use another name."
        )
    try:
        return ExperimentSettings.model_validate(given)
    except ValidationError as error:
        words = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or name}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise UserError(
            f"{name} is no experiment: {words}.", "`ml-assets experiment start --help` shows what is asked for."
        ) from None


def _arms(given: list[str]) -> dict[str, dict[str, object]]:
    arms: dict[str, dict[str, object]] = {}
    for text in given:
        name, _, rest = text.partition("=")
        share, _, shown = rest.partition(":")
        try:
            arms[name] = {"share": float(share), **({"list": shown} if shown else {})}
        except ValueError:
            raise UserError(
                f"--arm {text} is not NAME=SHARE[:LIST].", "Write it like --arm nothing=0.5:none.", code="usage.wrong"
            ) from None
    return arms

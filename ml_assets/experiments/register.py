"""The experiments of a shop: started, stopped and read, with the rules that need the others to be known.

What one is belongs to `design.py`, who is counted in it to `entrants.py`. One that was started is never changed: shares
moved in mid-run would mix customers of two draws.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import act_as_owner, writing
from ml_assets.database.turns import take_turn
from ml_assets.errors import Code, UserError, require_reason
from ml_assets.experiments.arm_rules import Rule, keep_rules
from ml_assets.experiments.assignment import bounds_of, new_salt
from ml_assets.experiments.design import Arm, Experiment, free_slice
from ml_assets.settings.experiments import HOLD_OUT, MADE_LIST, TRIAL, ExperimentSettings

TURN = "experiments"
HELD_OUT, SERVED = "held_out", "served"
REFUSED: Code = "experiment.refused"


def list_experiments(connection: ServingConnection) -> list[Experiment]:
    """All that were ever started, in the order of their start; the permanent hold-out among them."""
    query = """
        SELECT e.experiment, e.placement, e.layer, l.salt, e.slice_from, e.slice_until, e.salt, e.segment_key,
            e.min_orders, e.note, e.started_at, e.serving_since, nullif(e.ends_at, 'infinity'), e.stopped_at,
            e.stopped_reason, a.arm, a.share, a.drawn_below, a.list
        FROM {meta}.experiments AS e
        JOIN {meta}.experiment_layers AS l USING (layer)
        JOIN {meta}.experiment_arms AS a USING (experiment)
        ORDER BY e.started_at, e.experiment, a.number
    """
    rows = connection.execute(connection.schemas.sql(query)).fetchall()
    return [
        replace(Experiment(*facts), arms=tuple(Arm(*row[15:]) for row in arms))
        for facts, arms in groupby(rows, key=lambda row: row[:15])
    ]


def started_trials(connection: ServingConnection) -> list[Experiment]:
    """The experiments that were started by the program for challengers, in the order of their start."""
    return [each for each in list_experiments(connection) if TRIAL.fullmatch(each.name)]


def running(connection: ServingConnection) -> list[Experiment]:
    """Those that run or wait for their lists, the hold-out among them."""
    now = one(connection, "SELECT now()")
    return [each for each in list_experiments(connection) if each.state(now) in ("waiting", "running")]


def experiment(connection: ServingConnection, name: str) -> Experiment:
    """One of them; raises `UserError` where it was never started."""
    found = {each.name: each for each in list_experiments(connection)}
    if name not in found:
        raise UserError(
            f"No experiment {name} was ever started.",
            f"Those that were: {', '.join(found) or 'none'}. `ml-assets experiment start` starts one.",
            code="experiment.unknown",
        )
    return found[name]


def start(
    connection: ServingConnection,
    name: str,
    wanted: ExperimentSettings,
    zone: ZoneInfo,
    *,
    rules: Mapping[str, Sequence[Rule]] | None = None,
    judge: Callable[[Experiment], None] = lambda _: None,
) -> Experiment:
    """Start an experiment; it serves at once unless an arm has a list of its own, which has to be published first.

    `rules` are the judged lines of the file of each arm that names one, by arm; they are kept as they are now.

    Raises `UserError` where it was started before, is over already, has no customers for itself alone, or where `judge`
    does, which is asked before it is kept.
    """
    with writing(connection) as cursor:
        take_turn(connection, TURN)
        known = list_experiments(connection)
        _refuse_known(name, known, one(connection, "SELECT now()"))
        others = [each for each in running(connection) if each.placement is not None]
        _refuse_two_layers(name, wanted, others)
        ends_at = _end(wanted.until, zone)
        now = one(connection, "SELECT now()")
        if ends_at is not None and ends_at <= now:
            raise UserError(
                f"The experiment {name} would be over already: it ends with {wanted.until}.",
                "Give a later day as `until`, or none.",
                code=REFUSED,
            )
        layer = wanted.layer_name
        begin, end = free_slice(layer, wanted.traffic, [each for each in others if each.layer == layer])
        _know_layer(connection, layer)
        insert = """
            INSERT INTO {meta}.experiments (experiment, placement, layer, slice_from, slice_until, salt, segment_key,
                min_orders, note, ends_at, serving_since)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s::timestamptz, 'infinity'), %s)
        """
        waits = any(MADE_LIST.fullmatch(arm.list) for arm in wanted.arms.values())
        facts = [begin, end, new_salt(), wanted.segment, wanted.min_orders, wanted.note, ends_at]
        values = [name, wanted.placement, layer, *facts, None if waits else now]
        cursor.execute(connection.schemas.sql(insert), values)
        arms = [(arm, each.share, each.list) for arm, each in wanted.arms.items()]
        _insert_arms(connection, name, arms)
        keep_rules(connection, name, {arm: (rules or {})[arm] for arm, each in wanted.arms.items() if each.rules_file})
        started = experiment(connection, name)
        judge(started)
    return started


def stop(connection: ServingConnection, name: str, reason: str) -> Experiment:
    """Stop an experiment: from the next SELECT on everybody sees the live list. Raises `UserError` where none runs."""
    require_reason(reason, "Stopping an experiment")
    found = experiment(connection, name)
    state = found.state(one(connection, "SELECT now()"))
    if name == HOLD_OUT:
        raise UserError(
            "The hold-out is permanent.", "Set experiments.hold_out to 0 and run a day to end it.", code=REFUSED
        )
    if state == "stopped":
        raise UserError(
            f"The experiment {name} was stopped at {found.stopped_at:%Y-%m-%d %H:%M}: {found.stopped_reason}",
            "`ml-assets experiment list` shows those that run.",
            code=REFUSED,
        )
    with writing(connection) as cursor:
        update = "UPDATE {meta}.experiments SET stopped_at = now(), stopped_reason = %s WHERE experiment = %s"
        cursor.execute(connection.schemas.sql(update), [reason, name])
    return experiment(connection, name)


def serve(connection: ServingConnection, name: str) -> None:
    """Let an experiment that waited for its lists begin."""
    with writing(connection) as cursor:
        update = """
            UPDATE {meta}.experiments SET serving_since = now()
            WHERE experiment = %s AND serving_since IS NULL AND stopped_at IS NULL
        """
        cursor.execute(connection.schemas.sql(update), [name])


def sync_hold_out(connection: ServingConnection, share: float) -> bool:
    """Bring the permanent hold-out to a share of the customers; whether it changed.

    Who is held out by a share is held out by every larger one. Raises `UserError` while an experiment runs: its
    customers would change.
    """
    found = {each.name: each for each in list_experiments(connection)}.get(HOLD_OUT)
    before = found.arms[1].share if found is not None and found.stopped_at is None else 0.0
    if before == share:
        return False
    others = [each.name for each in running(connection) if each.placement is not None]
    if others:
        raise UserError(
            f"experiments.hold_out cannot be changed from {before:g} to {share:g} while {', '.join(others)} runs: its "
            "customers would be others.",
            f"Set it to {before:g} again, or stop the experiment first.",
            code=REFUSED,
        )
    schemas = connection.schemas
    with connection.transaction():
        # Only the owner may change what was started.
        act_as_owner(connection)
        _know_layer(connection, HOLD_OUT)
        insert = """
            INSERT INTO {meta}.experiments AS e (experiment, layer, slice_from, slice_until, salt, serving_since, note)
            VALUES (%s, %s, 0, 1, %s, now(), 'What all lists are worth.')
            ON CONFLICT (experiment) DO UPDATE SET
                stopped_at = CASE WHEN %s = 0 THEN now() END,
                stopped_reason = CASE WHEN %s = 0 THEN 'experiments.hold_out is 0' END
        """
        connection.execute(schemas.sql(insert), [HOLD_OUT, HOLD_OUT, new_salt(), share, share])
        if share:
            clear = "DELETE FROM {meta}.experiment_arms WHERE experiment = %s"
            connection.execute(schemas.sql(clear), [HOLD_OUT])
            # Held out is who is drawn below the share: a wider one keeps them.
            arm = "INSERT INTO {meta}.experiment_arms VALUES (%s, %s, %s, %s, %s, %s)"
            connection.execute(schemas.sql(arm), [HOLD_OUT, SERVED, 1, 1 - share, 1.0, "live"])
            connection.execute(schemas.sql(arm), [HOLD_OUT, HELD_OUT, 2, share, share, "none"])
    return True


def _insert_arms(connection: ServingConnection, name: str, arms: Sequence[tuple[str, float, str]]) -> None:
    insert = connection.schemas.sql("INSERT INTO {meta}.experiment_arms VALUES (%s, %s, %s, %s, %s, %s)")
    bounds = bounds_of([share for _, share, _ in arms])
    for number, ((arm, share, shown), bound) in enumerate(zip(arms, bounds, strict=True), start=1):
        connection.execute(insert, [name, arm, number, share, bound, shown])


def _know_layer(connection: ServingConnection, layer: str) -> None:
    insert = "INSERT INTO {meta}.experiment_layers (layer, salt) VALUES (%s, %s) ON CONFLICT DO NOTHING"
    connection.execute(connection.schemas.sql(insert), [layer, new_salt()])


def _refuse_known(name: str, known: Sequence[Experiment], now: datetime) -> None:
    for each in known:
        if each.name == name:
            state = each.state(now)
            since = f"was started at {each.started_at:%Y-%m-%d %H:%M} and is {state}"
            step = "What was started is not changed: stop it and start another under a new name."
            raise UserError(f"The experiment {name} {since}.", step, code=REFUSED)


def _refuse_two_layers(name: str, wanted: ExperimentSettings, others: Sequence[Experiment]) -> None:
    for each in others:
        if each.placement == wanted.placement and each.layer != wanted.layer_name:
            raise UserError(
                f"{name} and {each.name} are both about {wanted.placement}, but in different layers "
                f"({wanted.layer_name}, {each.layer}): a customer could be in both.",
                f"Use layer: {each.layer}, so that they share the customers out among themselves.",
                code=REFUSED,
            )


def _end(until: date | None, zone: ZoneInfo) -> datetime | None:
    """The midnight after the last day."""
    return None if until is None else datetime.combine(until + timedelta(days=1), time(), zone)

"""`ml-assets explain`: why a customer is shown what, and whether the reasons hold.

Reasons and the check of them are in `ml_assets.models.ranking`.
"""

from datetime import date, datetime
from typing import Annotated, Literal

import polars as pl
import typer

from ml_assets.books.models import champion
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.inputs.made import require_made
from ml_assets.cli.progress import Progress
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.methods import NOT_MADE
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

FAITHFUL = 0.95
"""Share of reasons that must hold."""


def explain(
    customer: Annotated[str | None, typer.Argument(help="The customer's id.")] = None,
    placement: Annotated[
        Literal["for_you", "discover", "buy_again"], typer.Option("--placement", help="Which list.")
    ] = "for_you",
    check: Annotated[
        bool, typer.Option("--check", help="Take cited items out of histories and see whether the scores fall.")
    ] = False,
    sample: Annotated[int, typer.Option("--sample", min=10, help="Recommendations to check.")] = 600,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Day to look at. Default: the newest."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Show a customer's list with the reason of each item, or check that reasons are faithful.

    A reason is faithful where the score of what it explains falls once the cited item is taken out of the customer's
    history. Exit code 2 where less than 95 % of the checked ones are.
    """
    settings = load_settings(config)
    require_made(settings, "recommendations")
    if check == (customer is not None):
        raise UserError("explain needs either a customer or --check.", "For example: `ml-assets explain 1`.")
    if check:
        return _check(settings, day.date() if day else None, sample, as_json=as_json, config=config)
    with shop_database(settings) as connection:
        query = """
            SELECT r.rank, r.item_id::text, coalesce(i.item_name, ''), r.score::float8, r.source, r.reason_code,
                coalesce(r.reason_text, '')
            FROM {ml}.recommendations AS r LEFT JOIN {store}.items AS i USING (item_id)
            WHERE r.customer_id::text = %(customer)s AND r.placement = %(placement)s
            ORDER BY r.rank
            """
        values = {"customer": customer, "placement": placement}
        rows = connection.execute(connection.schemas.sql(query), values).fetchall()
        filled = champion(connection, "recommender", date.max, placement)
    names = ["rank", "item", "name", "score", "source", "reason", "sentence"]
    if emit([dict(zip(names, row, strict=True)) for row in rows], as_json):
        return 0
    if not rows and filled and filled.method == NOT_MADE:
        raise UserError(f"This shop has no {placement} lists. {filled.reason}", "Ask for --placement for_you.")
    if not rows:
        raise UserError(
            f"The live release has no {placement} list for the customer {customer}.",
            "Customers without purchases get the popular items: SELECT * FROM ml.popular_items WHERE scope = 'all'.",
        )
    shown = [[f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row] for row in rows]
    table(f"{placement} of customer {customer}", names, shown, right=["rank", "score"])
    next_commands(config, ("ml-assets explain --check", "whether reasons hold, on a sample"))
    return 0


def _check(settings: Settings, day: date | None, sample: int, *, as_json: bool, config: ConfigOption) -> int:
    lake = Lake.of(settings)
    known = lake.partitions("interactions")
    if not known or (day and day.isoformat() not in known):
        raise UserError(
            f"The lake holds no interactions of {day or 'any day'}.", "`ml-assets run` computes the newest day."
        )
    wanted = day or date.fromisoformat(max(known))
    with Progress().shown() as report:
        report("loading the models that score")
        from ml_assets.models.ranking.faithfulness import check_reasons  # noqa: PLC0415 numba imports slowly
        from ml_assets.models.ranking.model import RecommenderModel  # noqa: PLC0415
        from ml_assets.models.training import artifact_folder  # noqa: PLC0415

        models, loaded = {}, {}
        with shop_database(settings) as connection:
            for placement in settings.recommender.enabled_placements:
                model = champion(connection, "recommender", wanted, placement)
                if model:
                    if model.artifact not in loaded:
                        folder = artifact_folder(lake, model.artifact)
                        loaded[model.artifact] = RecommenderModel.load(folder, model.checksum)
                    if placement in loaded[model.artifact].methods:
                        models[placement] = loaded[model.artifact]
        report(f"taking cited items out of {sample} histories of {wanted}")
        found = check_reasons(
            models,
            lake.read("interactions", wanted),
            lake.read("items"),
            as_of=wanted,
            settings=settings.recommender,
            sample=sample,
        )
    by_reason = found.sampled.group_by("placement", "reason_code").agg(
        pl.len().alias("checked"), pl.col("lowered").mean().alias("faithful")
    )
    facts = {"share": found.share, "checked": found.sampled.height, "by_reason": by_reason.to_dicts()}
    if not emit(facts, as_json):
        rows = [[*row[:3], f"{row[3]:.1%}"] for row in by_reason.sort("placement", "reason_code").iter_rows()]
        table("Reasons checked", ["placement", "reason", "checked", "faithful"], rows, right=["checked", "faithful"])
        OUT.print(
            f"{found.share:.1%} of {found.sampled.height} recommendations score lower without the item they cite.\n"
        )
        next_commands(config, ("ml-assets explain CUSTOMER", "the reasons of one customer"))
    return 0 if found.share >= FAITHFUL else 2

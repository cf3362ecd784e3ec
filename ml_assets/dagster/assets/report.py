"""The asset of the weekly page; what it says is in `ml_assets.reports`."""

from datetime import date, datetime, timedelta

import dagster as dg

from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.shop import Shop
from ml_assets.lake import Lake
from ml_assets.reports.shop import shop_report
from ml_assets.reports.weekly import keep_page, tell_channels

NAME = "shop_report"


def build_report(shop: Shop) -> list[dg.AssetsDefinition]:
    """shop_report (weekly), where it is wanted."""
    return [_report(shop)] if shop.settings.report.weekly else []


def _report(shop: Shop) -> dg.AssetsDefinition:
    # It depends on nothing: a week without a new model, or with a blocked release, must be told of all the more.
    @shop.asset("reports", {"html"}, name=NAME, partitions_def=shop.calendar.weekly)
    def page(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], serving: dg.ResourceParam[ServingDatabase]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads this annotation and knows the bare class only
        """A page about the shop on the Monday of a week: one file of HTML in home/reports."""
        week = date.fromisoformat(context.partition_key)
        with serving.connect() as connection:
            made = shop_report(connection, lake, shop.settings, week - timedelta(days=1))
            path = keep_page(shop.settings, made, week)
            told = tell_channels(connection, shop.settings, made, path, week=week, now=datetime.now(shop.settings.tz))
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.path(str(path.absolute())),
                "summary": dg.MetadataValue.text(" ".join(made.summary)),
                "told": ", ".join(told),
            }
        )

    return page
